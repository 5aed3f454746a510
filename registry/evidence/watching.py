"""What is watched of a rollout: built of its state, its steps so far, and its guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.evidence.counting import Watch
from registry.evidence.ledger import Counted
from registry.rollouts.guard import WINDOW, Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.access.tokens import Keyring
    from registry.journal.change import Change
    from registry.rollouts.state import Rollout, State

Steps = tuple[tuple[int, float], ...]

REPORTED = Guard(
    metrics=("errors", "format", "feedback"), tolerance={"errors": 1, "format": 1, "feedback": 1}
)
"""What is counted of a rollout without a guard: the metrics that need no constant."""

LONGEST_WAIT = 120.0
"""Seconds that a call waits to be counted while the latency of the stable version is not known."""


def guard_of(rollout: Rollout) -> Guard:
    """Return a rollout's guard, or what is counted without one."""
    return rollout.guard or REPORTED


def counted(state: State, rollout: Rollout, steps: Steps, keyring: Keyring) -> Counted:
    """Return what is counted of a rollout."""
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


def steps_of(state: State, change_of: Callable[[int], Change]) -> Steps:
    """Return the seq from which each step of a rollout was in force, and its percent; in order.

    Args:
        state: the present state.
        change_of: reads a change of the journal by its seq: each names the one before it of its prompt.
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
