"""``evidence`` and ``evidence verify``: what a release manager reads, and anybody can compute again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from guarded import HOLDS, STAYS, Guarded
from support import until

from registry.cli.release.verify_evidence import differences

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import Registry


@pytest.fixture
def harmful(served: Registry, manager: Cli) -> Guarded:
    """A rollout that the guard took back."""
    guarded = Guarded(served.api, manager.environment["PROMPTSTAGE_ENVIRONMENT"], STAYS)
    guarded.report(40, canary_bad=12)
    until(lambda: guarded.state["rollout"] is None, "the rollback")
    return guarded


def test_what_the_calls_say(manager: Cli, harmful: Guarded) -> None:
    """Both arms, in shares of users; the evidence as a bar; and why the guard acted, in the history."""
    out = manager("evidence", "summarize").out

    assert f"1.1.0 against 1.0.0, {harmful.rollout}" in out
    assert "Verdict:  harm: the candidate is worse than the guard tolerates" in out
    assert "12 of 40 30.0%  0 of 40 0.0%" in out
    assert "████████████" in out
    assert "worse" in out
    history = manager("history", "summarize").out
    assert "guard" in history
    assert "errors: 12 of 40 users of the candidate, 0 of 40 of the stable version" in history


def test_harm_that_no_guard_acts_on_stands_in_the_status(manager: Cli, served: Registry) -> None:
    """In the words of the console; before there is any, the status has no column for it."""
    unguarded = Guarded(served.api, manager.environment["PROMPTSTAGE_ENVIRONMENT"], STAYS, guard=False)
    assert "EVIDENCE" not in manager("status", "summarize").out
    unguarded.report(40, canary_bad=14)
    until(lambda: unguarded.evidence["metrics"][0]["e"] > 100, "the counts")

    assert "harm in errors, and no guard acts on it" in manager("status", "summarize").out
    assert "harm in errors, and no guard acts on it" in manager("status").out


def test_anybody_can_compute_it_again(manager: Cli, served: Registry, harmful: Guarded) -> None:
    """From what is kept of each user, and from the record of the guard's change; tampering is named."""
    done = manager("evidence", "verify", "summarize")
    assert (done.code, "the records of 1 change made on them" in done.out) == (0, True), done.err

    with closing(sqlite3.connect(served.data / "outcomes/main.sqlite", isolation_level=None)) as store:
        store.execute("update counts set bad = 2 where rollout = ? and bad = 12", (harmful.rollout,))
    done = manager("evidence", "verify", "summarize", "--rollout", harmful.rollout)
    assert done.code == 1
    assert "errors, canary: the counts have 2 bad, and the users add up to 12" in done.err
    assert "it saw more of errors on canary at 50 % than is counted now" in done.err
    assert manager("evidence", "summarize", "verify").code == 2


def test_a_record_that_was_changed_is_named(served: Registry, harmful: Guarded) -> None:
    """Its E must follow from its counts, and be what the guard acts on."""
    path = f"{harmful.path}/evidence/summarize?recount=true&rollout={harmful.rollout}"
    evidence = served.api.get(path).json
    history = served.api.get(f"{harmful.path}/rollouts/summarize/history").json["data"]
    assert list(differences(evidence, history)) == []

    def with_harm(**changed: Any) -> list[Any]:
        forged = deepcopy(history)
        forged[0]["evidence"]["harm"][0].update(changed)
        return list(differences(evidence, forged))

    assert "its numbers give ln E" in with_harm(log_e=50.0)[0]
    assert "its numbers give ln E" in with_harm(steps=[[50, [40, 11], [40, 0]]])[0]
    few = [[50, [40, 2], [40, 0]]]
    assert "do not reach the threshold" in with_harm(steps=few, log_e=_log_e(evidence, few))[0]
    evidence["metrics"][0]["e"] += 1
    assert "E is shown as" in next(differences(evidence, history))


def test_an_advance_carries_what_it_was_made_on(served: Registry, manager: Cli) -> None:
    """Of all metrics; it can be computed again like harm."""
    guarded = Guarded(served.api, manager.environment["PROMPTSTAGE_ENVIRONMENT"], HOLDS, {"minimum": 20})
    guarded.report(20, canary_bad=1)
    until(lambda: guarded.state["stable"]["version"] == "1.1.0", "the advance")

    path = f"{guarded.path}/evidence/summarize?recount=true&rollout={guarded.rollout}"
    evidence = served.api.get(path).json
    history = served.api.get(f"{guarded.path}/rollouts/summarize/history").json["data"]
    (judged,) = history[0]["evidence"]["judged"]
    assert (history[0]["actor"], judged["name"], judged["steps"]) == (
        "schedule",
        "errors",
        [[50, [20, 1], [20, 0]]],
    )
    assert list(differences(evidence, history)) == []
    judged["totals"] = [[20, 1], [20, 0]]
    del judged["steps"]
    assert list(differences(evidence, history)) == []
    judged["totals"] = [[20, 0], [20, 0]]
    assert "its numbers give ln E" in next(differences(evidence, history))
    judged |= {"totals": [[21, 1], [20, 0]]}
    assert "it saw more of errors on canary than is counted now" in next(differences(evidence, history))
    assert list(differences(evidence | {"recounted": None}, [])) == []


def test_by_segment(manager: Cli, served: Registry) -> None:
    """The calls of both versions, and how many failed: for whoever looks where harm is."""
    guarded = Guarded(served.api, manager.environment["PROMPTSTAGE_ENVIRONMENT"], STAYS)
    guarded.report(10, canary_bad=2, segment="free")
    guarded.report(20, segment="paid")
    path = f"{guarded.path}/evidence/summarize?by=segment"
    until(lambda: len(served.api.get(path).json["by"]) == 2, "the calls")

    assert served.api.get(path).json["by"] == [
        {"segment": "paid", "canary": {"calls": 20, "errors": 0}, "control": {"calls": 20, "errors": 0}},
        {"segment": "free", "canary": {"calls": 10, "errors": 2}, "control": {"calls": 10, "errors": 0}},
    ]
    lines = manager("evidence", "summarize", "--by", "segment").out.splitlines()
    assert ["free", "2", "of", "10", "20.0%", "0", "of", "10", "0.0%"] in [line.split() for line in lines]
    assert served.api.get(f"{guarded.path}/evidence/summarize?by=route").status == 422


def test_explain_before_and_after_the_guard_acted(manager: Cli, harmful: Guarded) -> None:
    """A user who had the candidate then has the stable version now."""
    then = harmful.history[1]["at"]  # of the start
    keys = (f"user-{number}" for number in range(50))
    asked = ("explain", "summarize", "--json", "--key")
    key = next(key for key in keys if '"1.1.0"' in manager(*asked, key, "--at", then).out)

    assert '"1.0.0"' in manager(*asked, key).out


def _log_e(evidence: Any, steps: Any) -> float:
    from registry.evidence.formulas import log_e_harm  # noqa: PLC0415 - the product's own, on other counts

    ((_, canary, control),) = steps
    return log_e_harm(canary[1], control[1], evidence["guard"]["tolerance"]["errors"])
