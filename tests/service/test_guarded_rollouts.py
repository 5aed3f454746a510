"""Guarded rollouts over HTTP, and the gate at which their steps wait."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from service.test_fast_path import handlers_kept
from service.test_two_persons import ada, grace  # noqa: F401 - fixtures
from support import Valkey

from registry import app
from registry.control.scheduler import Scheduler
from registry.control.timed_steps import TimedSteps
from registry.errors import Conflict, PreconditionFailed
from registry.journal.history_index import Query
from registry.journal.maintenance.verify import verify
from registry.replication.replica import Replica
from registry.rollouts.action import Action
from registry.rollouts.guard import Constant
from registry.rollouts.state import Step
from registry.settings import Settings
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from service.test_tokens import Holder
    from support import Api, PromptRepository

    from registry.api.http.dependencies import Services
    from registry.control.history import History
    from registry.control.rollouts import Rollouts
    from registry.rollouts.guard import Guard
    from registry.rollouts.state import State

    Run = Callable[[Callable[["Inside"], None]], None]

FIRST = {"version": "1.0.0"}
STEPS = [{"percent": 5, "hold": "1h"}, {"percent": 50}]
START = {"version": "1.1.0", "steps": STEPS}
ERRORS = {
    "alpha": 0.05,
    "metrics": ["errors"],
    "on_harm": "rollback",
    "on_no_data": "hold",
    "on_small": "hold",
    "minimum": 100,
    "max_wait": 3.0,
    "tolerance": {"errors": 1.0},
    "constants": {},
}


def rollout(api: Api, environment: str) -> Any:
    """The rollout under way."""
    return api.state("summarize", environment)["rollout"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"guard": False}, None),
        ({"guard": True}, ERRORS),
        (
            {"guard": {"metrics": ["cost", "flag:odd"], "on_harm": "pause", "minimum": 10}},
            ERRORS
            | {"metrics": ["cost", "flag:odd"], "tolerance": {"cost": 0.05, "flag:odd": 1.0}}
            | {"on_harm": "pause", "minimum": 10},
        ),
    ],
)
def test_a_start_says_whether_it_is_guarded(
    api: Api, environment: str, said: dict[str, Any], expected: object
) -> None:
    """What is used stands in the state, and in the record of the change."""
    api.act("promote", "summarize", FIRST, environment)
    done = api.act("start", "summarize", START | said, environment)
    change = api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"][0]

    assert done.status == 200, done.text
    assert rollout(api, environment).get("guard") == change.get("guard") == expected


def test_where_a_guard_is_required(api: Api, judged: str) -> None:
    """A start has it by itself, may add to it, and cannot be without it."""
    api.act("promote", "summarize", FIRST, judged)
    without = api.act("start", "summarize", START | {"guard": False}, judged)
    less = api.act("start", "summarize", START | {"guard": {"metrics": ["errors"]}}, judged)
    more = {"metrics": ["errors", "latency", "cost"]}

    assert [(one.status, one.json["code"]) for one in (without, less)] == [(409, "guard_required")] * 2
    assert without.json["state"]["rollout"] is None
    assert less.json["detail"] == (
        f"summarize in {judged}: guard.metrics: latency is required here; name it, too"
    )
    assert api.act("start", "summarize", START | {"guard": more}, judged).status == 200
    assert rollout(api, judged)["guard"]["metrics"] == more["metrics"]
    assert rollout(api, judged)["guard"]["alpha"] == 0.01


def test_the_guard_of_an_environment_can_be_read(api: Api, environment: str, judged: str) -> None:
    """As a start gets it that says nothing else."""
    open_, required = (api.get(f"/v1/environments/{name}/guard").json for name in (environment, judged))

    assert open_ == {"required": False, "default": False, "guard": ERRORS}
    assert (required["required"], required["default"]) == (True, True)
    assert required["guard"]["metrics"] == ["errors", "latency"]
    api.act("promote", "summarize", FIRST, judged)
    api.act("start", "summarize", START, judged)
    assert rollout(api, judged)["guard"] == required["guard"]


@pytest.mark.parametrize(
    ("guard", "detail"),
    [
        ({"alpha": 3}, "guard.alpha: Input should be less than or equal to 0.2"),
        ({"metrics": ["speed"]}, "guard.metrics.0: 'speed' is no metric; there are errors, latency, ttft,"),
        ({"metrics": ["judge"]}, "guard.judge: the metric judge needs the scores that count"),
        ({"metric": []}, "guard.metric: this key is not known here; remove it"),
        ("yes", "guard: "),
        ({"constants": {"latency": {"value": 1}}}, "guard.constants: this key is not known here"),
    ],
)
def test_a_bad_guard_is_named_by_its_key(api: Api, environment: str, guard: object, detail: str) -> None:
    """And nothing is started."""
    api.act("promote", "summarize", FIRST, environment)
    answer = api.act("start", "summarize", START | {"guard": guard}, environment)

    assert answer.status == 422
    assert answer.json["detail"].startswith(detail)
    assert rollout(api, environment) is None


def test_only_the_registry_calibrates(api: Api, environment: str) -> None:
    """There is no such action over HTTP, and no body carries evidence."""
    api.act("promote", "summarize", FIRST, environment)
    api.act("start", "summarize", START | {"guard": True}, environment)

    assert api.act("calibrate", "summarize", {}, environment).json["code"] == "unknown_action"
    for key in ("evidence", "harm", "constant"):
        assert api.act("pause", "summarize", {key: {}}, environment).json["code"] == "invalid_request"


def test_who_approves_sees_the_guard(api: Api, guarded: str, ada: Holder, grace: Holder) -> None:  # noqa: F811
    """And starts it as it was asked for."""
    assert ada.act("promote", "summarize", FIRST, guarded).status == 202
    assert grace.act("approve", "summarize", None, guarded).status == 200
    ada.act("start", "summarize", START | {"guard": True}, guarded)

    assert api.state("summarize", guarded)["awaiting_approval"]["guard"] == ERRORS
    assert grace.act("approve", "summarize", None, guarded).status == 200
    assert rollout(api, guarded)["guard"] == ERRORS


# With a gate


EVIDENCE = {"rollout": "r-1", "judged": []}


class Known:
    """A gate that knows constants, and opens when the test says so."""

    def __init__(self) -> None:
        self.open = False
        self.asked: list[str] = []
        self.known: dict[str, Constant] = {}

    def evidence(self, state: State) -> dict[str, Any] | None:
        """What the test says, if it is open."""
        self.asked.append(state.prompt)
        return EVIDENCE if self.open else None

    def constants(self, state: State, guard: Guard) -> Mapping[str, Constant]:
        """What the test knows."""
        return self.known


class Inside:
    """A registry in this process, whose timed steps move when the test says so."""

    def __init__(self, rollouts: Rollouts, history: History) -> None:
        self.rollouts = rollouts
        self.steps = TimedSteps(rollouts)
        self._history = history

    def act(self, op: str, actor: str = "ada", prompt: str = "summarize", **more: Any) -> State:
        """Change something."""
        action = Action(environment="production", prompt=prompt, op=op, actor=actor, **more)
        state = self.rollouts.act(action).entry.change.state
        assert state
        return state

    def start(self, *, guard: bool = True, prompt: str = "summarize") -> State:
        """Start a rollout with a step of an hour."""
        self.act("promote", prompt=prompt, version="1.0.0")
        steps = (Step(percent=5, hold="1h"), Step(percent=50))
        return self.act("start", prompt=prompt, version="1.1.0", steps=steps, guard=guard)

    def step(self, prompt: str = "summarize") -> int:
        """The step that a rollout is at."""
        rollout = self.rollouts.state("production", prompt).rollout
        assert rollout
        return rollout.step

    def newest(self) -> dict[str, Any]:
        """The newest change in the history."""
        return self._history.page(Query(environment="production"))[0][0]


@pytest.fixture
def inside(repository: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a story in a registry whose scheduler stands still."""
    valkey = Valkey(tmp_path)
    settings = Settings(repository=str(repository.path), data=tmp_path / "data", redis_url=valkey.url)
    monkeypatch.setattr(Scheduler, "_run", lambda _: None)
    monkeypatch.setattr(gc, "freeze", lambda: None)  # hypothesis looks for what it froze

    async def tell(story: Callable[[Inside], None]) -> None:
        made = app.create(settings)
        async with made.router.lifespan_context(made):
            services: Services = made.state.services
            await asyncio.to_thread(story, Inside(services.rollouts, services.history))

    def run(story: Callable[[Inside], None]) -> None:
        asyncio.run(tell(story))

    with handlers_kept():
        yield run
    valkey.kill()
    assert verify(tmp_path / "data").problems == ()


def test_a_guarded_step_waits_at_the_gate(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its hold, until the gate opens; a rollout without a guard goes on by time alone."""

    def story(registry: Inside) -> None:
        registry.start()
        monkeypatch.setattr(timestamps, "now", lambda: datetime.now(UTC) + timedelta(hours=2))
        assert registry.steps.advance_due()  # nothing is known here of any call
        assert (registry.step(), registry.steps.seconds_to_next()) == (0, None)
        registry.rollouts.gate = gate = Known()
        registry.steps.advance_due()
        assert (registry.step(), gate.asked) == (0, ["summarize"])
        gate.open = True
        registry.steps.advance_due()
        assert registry.step() == 1
        newest = registry.newest()
        assert (newest["actor"], newest["op"], newest["to"]) == ("schedule", "advance", 50)

    inside(story)


def test_the_gate_is_not_asked_before_the_hold_is_over(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for a rollout without a guard; nor while it is paused."""

    def story(registry: Inside) -> None:
        registry.rollouts.gate = gate = Known()
        registry.start()
        registry.steps.advance_due()
        left = registry.steps.seconds_to_next()
        assert left
        assert 3500 < left <= 3600
        registry.act("pause")
        monkeypatch.setattr(timestamps, "now", lambda: datetime.now(UTC) + timedelta(hours=2))
        registry.steps.advance_due()
        assert (registry.step(), gate.asked) == (0, [])
        registry.act("rollback")
        registry.act("start", version="1.1.0", steps=(Step(percent=5, hold="1h"), Step(percent=50)))
        monkeypatch.setattr(timestamps, "now", lambda: datetime.now(UTC) + timedelta(hours=4))
        registry.steps.advance_due()
        assert (registry.step(), gate.asked) == (1, [])

    inside(story)


def test_a_guard_acts_through_the_ordinary_commands(inside: Run) -> None:
    """With its reason and evidence in the record; a person's change in the same moment wins."""
    evidence = {"metrics": [{"name": "errors", "canary": 31, "control": 9, "e": 1204.5}]}

    def story(registry: Inside) -> None:
        seen = registry.start().tag
        calibrated = registry.act(
            "calibrate",
            "guard",
            if_match=seen,
            constant=("window", Constant(value=24)),
            reason="of 1204 calls",
        )
        assert calibrated.rollout
        assert calibrated.rollout.guard
        assert calibrated.rollout.guard.constants == {"window": Constant(value=24)}
        with pytest.raises(PreconditionFailed):
            registry.act("rollback", "guard", if_match=seen, evidence=evidence)
        paused = registry.act("pause", "guard", if_match=calibrated.tag, harm=("errors",), evidence=evidence)
        newest = registry.newest()
        assert (newest["op"], newest["actor"], newest["evidence"]) == ("pause", "guard", evidence)
        resumed = registry.act("resume")
        assert resumed.rollout
        assert resumed.rollout.guard
        assert resumed.rollout.guard.acknowledged == ("errors",)
        assert "evidence" not in registry.newest()
        assert paused.rollout_id == resumed.rollout_id
        slower = "9 of 10 are slower"
        back = registry.act("rollback", "guard", if_match=resumed.tag, reason=slower, evidence=evidence)
        assert back.rollout is None
        assert registry.newest()["reason"] == slower
        with pytest.raises(Conflict, match="undone already"):
            registry.act("rollback", "guard")

    inside(story)


def test_what_is_known_at_the_start_is_in_the_guard(
    inside: Run,
) -> None:
    """Of the constants that it needs; nothing else."""

    def story(registry: Inside) -> None:
        registry.rollouts.gate = gate = Known()
        gate.known = {"window": Constant(value=30), "latency": Constant(value=812)}
        state = registry.start()
        assert state.rollout
        assert state.rollout.guard
        assert state.rollout.guard.constants == {"window": Constant(value=30)}
        assert state.rollout.guard.unknown == ()

    inside(story)


def test_an_older_journal_takes_no_guard(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries may join that would not know it; a start without one is as before."""

    def story(registry: Inside) -> None:
        monkeypatch.setattr(Replica, "format", 2)
        with pytest.raises(Conflict, match="the journal has format 2") as refused:
            registry.start()
        assert refused.value.code == "older_format"
        registry.act("start", version="1.1.0", steps=(Step(percent=5),))

    inside(story)
