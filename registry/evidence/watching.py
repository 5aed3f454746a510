"""What is watched of a rollout: built of its states in the journal, and its guard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.evidence.assessment import Step
from registry.evidence.counting import Watch
from registry.evidence.ledger import Counted
from registry.rollouts.guard import WINDOW, Guard
from registry.rollouts.schedule import held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.access.tokens import Keyring
    from registry.journal.change import Change
    from registry.outcomes.store.evidence import Summary
    from registry.rollouts.state import Rollout, State

Steps = tuple[tuple[int, float], ...]

REPORTED = Guard(
    metrics=("errors", "format", "feedback"), tolerance={"errors": 1, "format": 1, "feedback": 1}
)
"""What is counted of a rollout without a guard: the metrics that need no constant."""

LONGEST_WAIT = 120.0
"""Seconds that a call waits to be counted while the latency of the stable version is not known."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last state of a rollout, and the change that ended it; None: it is under way."""

    state: State
    rollout: Rollout
    end: Change | None


def last_of(state: State, rollout: str | None, change_of: Callable[[int], Change]) -> Last | None:
    """Find the last state of a rollout of a prompt; None: there is none.

    Args:
        state: the present state.
        rollout: its id; None: the one under way, else the last one.
        change_of: reads a change of the journal by its seq: each names the one before it of its prompt.
    """
    end = None
    while state.rollout is None or rollout not in {None, state.rollout.id}:
        if not state.seq:
            return None
        change = change_of(state.seq)
        before = change_of(change.previous).state if change.previous else None
        if before is None:
            return None
        end, state = change, before
    return Last(state, state.rollout, end)


def steps_of(state: State, change_of: Callable[[int], Change]) -> Steps:
    """Return the seq from which each step of a rollout was in force, and its percent; in order.

    Args:
        state: its last state.
        change_of: reads a change of the journal by its seq.
    """
    found: list[tuple[int, float]] = []
    seq = state.seq
    while seq:
        change = change_of(seq)
        if (
            change.state is None
            or change.state.rollout is None
            or change.state.rollout_id != state.rollout_id
        ):
            break
        found.append((seq, change.state.rollout.percent))
        seq = change.previous
    return tuple(reversed(found))


def step_of(rollout: Rollout, summary: Summary | None, now: datetime) -> Step:
    """Return the step that a rollout is at; `summary`: what is counted of it."""
    newest = summary and summary.newest
    return Step(
        percent=rollout.percent,
        hold=held(rollout.steps[rollout.step]),
        since=rollout.entered_at,
        newest=datetime.fromtimestamp(newest / 1000, UTC) if newest else None,
        now=now,
    )


def guard_of(rollout: Rollout) -> Guard:
    """Return a rollout's guard, or what is counted without one."""
    return rollout.guard or REPORTED


def counted(state: State, rollout: Rollout, steps: Steps, keyring: Keyring) -> Counted:
    """Return what is counted of a rollout; `state` is its last one."""
    guard = guard_of(rollout)
    constants = guard.constants
    window = constants.get(WINDOW)
    cost = constants.get("cost")
    judge = guard.judge
    return Counted(
        rollout=rollout.id,
        environment=state.environment,
        prompt=state.prompt,
        watch=Watch(
            versions={"canary": rollout.candidate.version, "control": state.stable_version or ""},
            steps=steps,
            newest=state.seq,
            metrics=guard.metrics,
            slower={name: constants[name].value for name in ("latency", "ttft") if name in constants},
            since={
                name: round(constant.since.timestamp() * 1000)
                for name, constant in constants.items()
                if constant.since is not None
            },
        ),
        wait=round(1000 * (window.value if window else LONGEST_WAIT)),
        tokens=_ids(guard.tokens, keyring) if guard.tokens else None,
        cost_cap=round(cost.cap) if cost and cost.cap is not None else None,
        judge=(judge.name, judge.model, judge.rubric) if judge else None,
    )


def _ids(named: Sequence[str], keyring: Keyring) -> frozenset[str]:
    """Return the ids of tokens that are given by id or name."""
    names = {token.name: token.id for token in keyring.tokens()}
    return frozenset(names.get(name, name) for name in named)
