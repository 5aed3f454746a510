"""The guard of a rollout: how it is built, what changes it, and what it changes in the table of states."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from rollouts.test_approval import ADA, GRACE
from rollouts.test_transitions import NOW, RUNNING, STEADY, STEPS, V2, done

from registry.errors import Invalid
from registry.journal.change import Change
from registry.policies.guard import GuardOptions, GuardRules
from registry.rollouts import approval, guard
from registry.rollouts.action import Action
from registry.rollouts.approval import Approve, RequestApproval
from registry.rollouts.guard import Constant, Guard, build, check_evidence, loosened
from registry.rollouts.state import State
from registry.rollouts.transitions import (
    Advance,
    Calibrate,
    Conflict,
    Pause,
    Promote,
    Resume,
    Rollback,
    Start,
    apply,
)

P95 = Constant(value=812, since=NOW)
GUARD = Guard(metrics=("errors", "latency"), tolerance={"errors": 1.0, "latency": 1.2})
START = Start(V2, STEPS, (), "r-1", "salt", GUARD)
GUARDED = done(STEADY, START)


def options(**said: Any) -> GuardOptions:
    """What a request or the operator's file says."""
    return GuardOptions.model_validate(said)


def of(state: State | Conflict) -> Guard:
    """The guard of a rollout under way."""
    assert isinstance(state, State)
    assert state.rollout
    assert state.rollout.guard
    return state.rollout.guard


def code(after: State | Conflict) -> str:
    """The code of a conflict."""
    assert isinstance(after, Conflict)
    return after.code


# Built


@pytest.mark.parametrize(
    ("asked", "rules", "guarded"),
    [
        (None, None, False),
        (None, GuardRules(), True),
        (None, GuardRules(default=False), False),
        (None, GuardRules(default=False, required=True), True),
        (False, GuardRules(), False),
        (True, None, True),
        (True, GuardRules(default=False), True),
        (options(metrics=["errors"]), None, True),
    ],
)
def test_whether_a_start_is_guarded(
    asked: GuardOptions | bool | None, rules: GuardRules | None, guarded: bool
) -> None:
    """The request says, else the environment, else it is not."""
    assert (build(asked, rules) is not None) == guarded


def test_what_is_left_out_is_as_the_environment_has_it() -> None:
    """And what that leaves out, too, has a default; tolerances are merged one by one."""
    rules = GuardRules.model_validate(
        {"alpha": 0.01, "on_harm": "pause", "tolerance": {"latency": 1.5, "flag:odd": 2}}
    )
    asked = options(metrics=["latency", "cost", "flag:odd"], tolerance={"cost": 0.1})

    assert build(asked, rules) == Guard(
        alpha=0.01,
        metrics=("latency", "cost", "flag:odd"),
        on_harm="pause",
        tolerance={"latency": 1.5, "cost": 0.1, "flag:odd": 2.0},
    )
    assert build(asked=True, rules=None) == Guard(metrics=("errors",), tolerance={"errors": 1.0})


def test_the_metric_judge_needs_its_scores() -> None:
    """Which of them count is fixed at the start; other guards keep no such thing."""
    scores = {"name": "helpful", "rubric": "sha256:1"}

    with pytest.raises(Invalid, match=r"guard\.judge: the metric judge needs the scores that count"):
        build(options(metrics=["judge"]), None)
    with_judge = build(options(metrics=["judge"], judge=scores), None)
    without = build(options(metrics=["errors"], judge=scores), None)

    assert with_judge
    assert with_judge.judge
    assert with_judge.judge.name == "helpful"
    assert without
    assert without.judge is None


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        ({"alpha": 0}, "alpha", "greater than or equal to 0.0001"),
        ({"alpha": 0.5}, "alpha", "less than or equal to 0.2"),
        ({"alpha": True}, "alpha", "write a number"),
        ({"alpha": float("nan")}, "alpha", "write a number"),
        ({"metrics": []}, "metrics", "write 1 to 20 names"),
        ({"metrics": ["speed"]}, "metrics.0", "'speed' is no metric; there are errors, latency,"),
        ({"metrics": ["flag:"]}, "metrics.0", "is no metric"),
        ({"metrics": ["flag:a b"]}, "metrics.0", "is no metric"),
        ({"metrics": ["srm"]}, "metrics.0", "is no metric"),
        ({"metrics": ["errors", "errors"]}, "metrics", "errors is there twice"),
        ({"metrics": [f"flag:{n}" for n in range(21)]}, "metrics", "write 1 to 20 names"),
        ({"on_harm": "stop"}, "on_harm", "'notify', 'pause' or 'rollback'"),
        ({"on_no_data": "wait"}, "on_no_data", "'hold' or 'ignore'"),
        ({"on_small": "wait"}, "on_small", "'hold' or 'advance'"),
        ({"minimum": 0}, "minimum", "greater than or equal to 1"),
        ({"minimum": 1.5}, "minimum", "valid integer"),
        ({"max_wait": 0.5}, "max_wait", "greater than or equal to 1"),
        ({"tolerance": {"latency": 0.9}}, "tolerance", "of latency write a number from 1 to 10, not 0.9"),
        ({"tolerance": {"cost": -0.1}}, "tolerance", "of cost write a number from 0 to 10, not -0.1"),
        ({"tolerance": {"speed": 1}}, "tolerance", "'speed' is no metric"),
        ({"tokens": []}, "tokens", "write 1 to 20 names"),
        ({"tokens": ["a", "a"]}, "tokens", "a is there twice"),
        ({"judge": {}}, "judge.name", "Field required"),
        ({"metric": ["errors"]}, "metric", "Extra inputs are not permitted"),
    ],
)
def test_bad_values(said: dict[str, Any], key: str, words: str) -> None:
    """Each is named by its key."""
    with pytest.raises(ValidationError) as refused:
        options(**said)
    (found,) = refused.value.errors()

    assert ".".join(str(part) for part in found["loc"]) == key
    assert words in found["msg"]


REQUIRED = GuardRules(required=True, metrics=("errors", "latency"), tolerance={"errors": 1.5})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (None, ""),
        (True, ""),
        (False, "guard: a rollout is guarded here; leave it out"),
        (options(metrics=["errors", "latency", "cost"], tolerance={"cost": 0.2}), ""),
        (options(metrics=["errors"]), "guard.metrics: latency is required here; name it, too"),
        (options(tolerance={"errors": 5}), "guard.tolerance.errors: what the environment says holds here; "),
        (options(tolerance={"errors": 1.5}), ""),
        (options(tolerance={"latency": 1.3}), "guard.tolerance.latency: what the environment says holds"),
        (options(alpha=0.0001), "guard.alpha: what the environment says holds here; leave it out"),
        (options(on_harm="notify"), "guard.on_harm: "),
        (options(on_harm="rollback", minimum=100), ""),
        (options(minimum=1), "guard.minimum: "),
        (options(tokens=["mine"]), "guard.tokens: "),
    ],
)
def test_what_is_required_is_not_taken_back(asked: GuardOptions | bool | None, words: str) -> None:
    """A request may add metrics, or say the same."""
    assert loosened(asked, REQUIRED).startswith(words)
    assert bool(loosened(asked, REQUIRED)) == bool(words)
    assert loosened(asked, GuardRules()) == ""
    assert loosened(asked, None) == ""


# Its states


def test_a_start_carries_its_guard() -> None:
    """As it is stored; a rollout without one has no such key."""
    assert of(GUARDED) == GUARD
    assert State.model_validate_json(GUARDED.model_dump_json()) == GUARDED
    assert "guard" not in RUNNING.model_dump()["rollout"]

    shown = GUARDED.model_dump(mode="json")["rollout"]["guard"]
    assert set(shown) == {
        "alpha", "metrics", "on_harm", "on_no_data", "on_small", "minimum", "max_wait", "tolerance",
        "constants",
    }  # fmt: skip


def test_a_constant_is_set_once() -> None:
    """One that is needed: never changed afterwards, nor removed."""
    after = done(GUARDED, Calibrate("latency", P95))

    assert of(after).constants == {"latency": P95}
    assert (of(GUARDED).unknown, of(after).unknown) == (("window", "latency"), ("window",))
    assert code(apply(after, Calibrate("latency", Constant(value=1)), NOW)) == "calibrated"
    assert code(apply(after, Calibrate("cost", Constant(value=1)), NOW)) == "calibrated"
    assert of(done(after, Pause(), Calibrate("window", Constant(value=30)))).unknown == ()


@pytest.mark.parametrize(("state", "refused"), [(RUNNING, "not_guarded"), (STEADY, "no_rollout")])
def test_without_a_guard_there_is_nothing_to_calibrate(state: State, refused: str) -> None:
    """Nor without a rollout."""
    assert code(apply(state, Calibrate("latency", P95), NOW)) == refused


def test_resume_acknowledges_the_harm_that_it_was_paused_for() -> None:
    """A pause by a person acknowledges nothing."""
    paused = done(GUARDED, Pause(("errors",)))
    resumed = done(paused, Resume())

    assert (of(paused).paused_for, of(paused).acknowledged) == (("errors",), ())
    assert (of(resumed).paused_for, of(resumed).acknowledged) == ((), ("errors",))
    assert of(done(GUARDED, Pause(), Resume())).acknowledged == ()
    assert of(done(resumed, Pause(("latency",)), Resume())).acknowledged == ("errors", "latency")


def test_harm_while_it_is_paused_is_added() -> None:
    """The clock stays as it stopped, and a second time there is nothing to add."""
    later = NOW + timedelta(minutes=3)
    paused = done(GUARDED, Pause(), now=later)
    harmed = done(paused, Pause(("errors",)), now=later + timedelta(hours=1))

    assert of(harmed).paused_for == ("errors",)
    assert paused.rollout
    assert harmed.rollout
    assert harmed.rollout.remaining == paused.rollout.remaining == 7 * 60
    for harm in (("errors",), ()):
        assert code(apply(harmed, Pause(harm), NOW)) == "paused"


def test_a_guard_lasts_until_its_rollout_ends() -> None:
    """Steps keep it; a rollback ends both."""
    assert of(done(GUARDED, Advance())) == GUARD
    assert done(GUARDED, Rollback()).rollout is None


def test_an_approver_starts_the_guard_that_was_asked_for() -> None:
    """The request shows it; what is known of its constants by then is put in."""
    asked = approval.apply(STEADY, RequestApproval(START, ADA, "a-1"), NOW)
    assert isinstance(asked, State)
    assert asked.awaiting_approval
    assert asked.awaiting_approval.guard == GUARD
    known = {"latency": P95, "cost": Constant(value=3)}
    approved = approval.apply(asked, Approve(GRACE, "r-2", "salt", known), NOW)

    assert of(approved) == GUARD.knowing({"latency": P95})

    plain = approval.apply(STEADY, RequestApproval(Promote(V2), ADA, "a-1"), NOW)
    assert isinstance(plain, State)
    assert "guard" not in plain.model_dump()["awaiting_approval"]


# Its record


def test_a_change_shows_guard_and_evidence() -> None:
    """Those that have any."""
    newest = Change(format=3, epoch=1, seq=3, at=NOW, actor="ada", op="promote")
    start = newest.following(at=NOW, actor="ada", op="start", state=GUARDED).to_json("c")
    evidence = {"metrics": [{"name": "errors", "e": 41.5}]}
    ended = done(GUARDED, Rollback())
    change = newest.following(at=NOW, actor="guard", op="rollback", state=ended, evidence=evidence)
    back = change.to_json("c")

    assert start["guard"] == GUARD.model_dump(mode="json")
    assert "evidence" not in start
    assert back["evidence"] == evidence
    assert "guard" not in back


def test_evidence_is_bounded() -> None:
    """It stands in every page of the history."""
    room = guard.MAX_EVIDENCE - len(json.dumps({"a": ""}, separators=(",", ":")))
    check_evidence(None)
    check_evidence({"a": "x" * room})

    with pytest.raises(Invalid, match="evidence: at most 4096 bytes of JSON, not 4097"):
        check_evidence({"a": "x" * (room + 1)})


def test_a_repeat_must_ask_for_the_same_guard() -> None:
    """A start that says nothing of it is the same as before there were guards."""
    action = Action(environment="production", prompt="summarize", op="start", actor="ada")
    guards: list[GuardOptions | bool | None] = [None, True, False, options(alpha=0.01), options(alpha=0.02)]
    bodies = [replace(action, guard=one).body() for one in guards]

    assert len(set(bodies)) == len(guards)
    assert replace(action, guard=options(alpha=0.01)).body() == bodies[3]
