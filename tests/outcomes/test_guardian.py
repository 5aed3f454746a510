"""The guard's thread on a real database: what it lets pass, what it does on harm, and what stops it not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from outcomes_in import now, record
from support import until

from registry.access.tokens import Keyring
from registry.errors import Conflict, Unavailable
from registry.evidence import guardian as module
from registry.evidence.guardian import Guardian
from registry.journal.change import Change
from registry.rollouts.guard import Guard
from registry.rollouts.state import Rollout, State, Step, VersionRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outcomes_in import Desk

    from registry.outcomes.store.database import Database
    from registry.rollouts.action import Action

V1, V2 = (VersionRef(version=f"1.{n}.0", digest=f"sha256:{n}", commit=str(n)) for n in range(2))
LATE = 130_000  # milliseconds: calls count 120 s after their start here


def state(seq: int, **guard: Any) -> State:
    """A prompt with a rollout at half, whose hold is over."""
    rollout = Rollout(
        id=f"r-{seq}",
        salt="s",
        state="running",
        candidate=V2,
        steps=(Step(percent=50, hold="1s"), Step(percent=100)),
        step=0,
        entered_at=datetime.now(UTC) - timedelta(minutes=5),
        guard=Guard(**{"minimum": 10, "tolerance": {"errors": 1.0}, **guard}),
    )
    return State(
        environment="production", prompt=f"prompt-{seq}", epoch=1, seq=seq, stable=V1, rollout=rollout
    )


class Stage:
    """Rollouts that are under way, and outcomes that may be gone."""

    def __init__(self, desk: Desk) -> None:
        self.states: list[State] = []
        self.acts: list[Action] = []
        self.refuses = False
        self.is_gone = Event()
        self.environments = ("production",)
        self.replica = SimpleNamespace(read_model=self, keyring=Keyring(), entry=self.entry)
        self.is_there = True
        self._desk = desk

    def under_way(self) -> list[State]:
        """Those that are."""
        return list(self.states)

    def entry(self, seq: int) -> Any:
        """A change of the journal: each state is that of a start."""
        (found,) = (each for each in self.states if each.seq == seq)
        return SimpleNamespace(
            change=Change(epoch=1, seq=seq, at=datetime.now(UTC), actor="ada", op="start", state=found)
        )

    def act(self, action: Action) -> None:
        """Note it, or refuse it."""
        self.acts.append(action)
        if self.refuses:
            raise Conflict("not now")
        self.states = [each for each in self.states if each.prompt != action.prompt]

    def database(self) -> Database:
        """That of the desk, unless it is gone."""
        if self.is_gone.is_set():
            raise Unavailable("the database of outcomes does not answer")
        return self._desk.store.main

    def report(self, of: State, many: int, bad: int = 0) -> None:
        """Report calls of so many users of both arms; some of the candidate's fail."""
        assert of.rollout
        calls = [
            record(
                now() - LATE,
                prompt=of.prompt,
                rollout=of.rollout.id,
                reason="SPLIT",
                seq=of.seq,
                arm=arm,
                version=version,
                unit=f"{number if arm == 'canary' else (1 << 64) - 1 - number:016x}",
                error="Timeout" if arm == "canary" and number < bad else None,
            )
            for arm, version in (("canary", "1.1.0"), ("control", "1.0.0"))
            for number in range(many)
        ]
        self._desk.send(*calls)
        self._desk.fold()


@pytest.fixture
def stage(desk: Desk) -> Stage:
    """A stage without rollouts."""
    return Stage(desk)


@pytest.fixture
def guardian(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guardian]:
    """Its guard, which looks all the time."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    made = Guardian(stage, stage)  # type: ignore[arg-type]
    made.start()
    yield made
    made.stop()


def test_without_the_database_no_step_advances(stage: Stage, guardian: Guardian) -> None:
    """What was known before is not relied on; when it is back, it goes on."""
    mine = state(10)
    stage.states = [mine]
    assert guardian.evidence(mine) is None
    stage.report(mine, 20)
    found = until(lambda: guardian.evidence(mine), "the evidence")
    assert found["judged"][0]["steps"] == [[50, [20, 0], [20, 0]]]
    assert guardian.evidence(mine.model_copy(update={"rollout": None})) is None

    stage.is_gone.set()
    until(lambda: guardian.evidence(mine) is None, "the wait for the database")
    stage.is_gone.clear()
    until(lambda: guardian.evidence(mine), "the evidence again")


def test_a_guard_that_hangs_lets_no_step_advance(
    stage: Stage, guardian: Guardian, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found long ago is no evidence."""
    mine = state(10)
    stage.states = [mine]
    stage.report(mine, 20)
    until(lambda: guardian.evidence(mine), "the evidence")

    monkeypatch.setattr(module, "STALE_SECONDS", -1.0)
    assert guardian.evidence(mine) is None


@pytest.mark.parametrize("broken", [{"metrics": ("errors", "nonsense")}, {"alpha": 0.0}])
def test_a_rollout_that_cannot_be_judged_holds_up_no_other(
    stage: Stage, guardian: Guardian, broken: dict[str, Any]
) -> None:
    """It waits; others are counted, judged and taken back."""
    bad, fine, harmful = state(10, **broken), state(20), state(30)
    stage.states = [bad, fine, harmful]
    for each in (bad, fine):
        stage.report(each, 20)
    stage.report(harmful, 40, bad=20)

    until(lambda: guardian.evidence(fine), "the evidence")
    until(lambda: stage.acts, "the rollback")
    assert [(act.op, act.prompt) for act in stage.acts] == [("rollback", "prompt-30")]
    assert guardian.evidence(bad) is None


def test_a_change_that_is_refused_is_tried_ever_more_seldom(stage: Stage, guardian: Guardian) -> None:
    """And never in a loop; each names the state that it was decided on."""
    mine = state(10)
    stage.states, stage.refuses = [mine], True
    stage.report(mine, 40, bad=20)
    until(lambda: len(stage.acts) == 2, "a second try")
    rounds = len(guardian.notices())

    assert {act.if_match for act in stage.acts} == {mine.tag}
    assert rounds in {0, 1}
    stage.refuses = False
    until(lambda: not stage.states, "the rollback")
    assert len(stage.acts) == 3
