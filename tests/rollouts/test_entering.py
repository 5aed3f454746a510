"""No sequence of commands puts a version in force that was not let in: the property behind every gate."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from rollouts.test_approval import ADA, GRACE
from rollouts.test_transitions import NOTHING, NOW

from registry.rollouts.approval import (
    AdvanceWithinPlan,
    Approve,
    Command,
    Reject,
    RequestApproval,
    apply,
    entering,
)
from registry.rollouts.state import State, Step, VersionRef
from registry.rollouts.transitions import Advance, Pause, Promote, Resume, Rollback, Start

STEPS = 400  # of a walk: each state of the table is left in each way many times
VERSIONS = [VersionRef(version=f"{n}.0.0", digest=f"sha256:{n}", commit=str(n)) for n in range(1, 5)]
PLAN = (Step(percent=5), Step(percent=50))


def drawn(random: Random) -> tuple[str, Command]:
    """Any command about any version, under its name in the journal."""
    version = random.choice(VERSIONS)
    starts: Start | Promote = Start(version, PLAN, (), "r", "salt")
    promotes: Start | Promote = Promote(random.choice([version, None]))
    asks = RequestApproval(random.choice([starts, promotes]), ADA, "a")
    commands: dict[str, Command] = {
        "start": starts,
        "promote": promotes,
        "ask": asks,
        "approve": Approve(GRACE, "r", "salt"),
        "reject": Reject(),
        "advance": Advance(),
        "advance within": AdvanceWithinPlan(),
        "pause": Pause(),
        "resume": Resume(),
        "rollback": Rollback(),
    }
    return random.choice(list(commands.items()))


def served(state: State) -> set[str]:
    """The versions that some user gets."""
    return {ref.version for ref in (state.stable, state.rollout and state.rollout.candidate) if ref}


@pytest.mark.parametrize("seed", range(50))
def test_what_is_in_force_was_let_in(seed: int) -> None:
    """A version that was not served before enters by a change that says so, or comes back by a rollback.

    A request says so, too, and once more when it is approved.
    """
    random, state, now, entered = Random(seed), NOTHING, NOW, 0
    for _ in range(STEPS):
        op, command = drawn(random)
        now += timedelta(minutes=1)
        after = apply(state, command, now)
        if not isinstance(after, State):
            continue
        ref = entering(state, after, op)
        new = served(after) - served(state)
        if waits := after.awaiting_approval if op == "ask" else None:
            new |= {waits.version.version} - served(state)
        entered += ref is not None

        assert new == ({ref.version} if ref else set()) or (op == "rollback" and ref is None)
        assert ref is None or op in {"start", "promote", "ask", "approve"}
        state = after
    assert entered > 10
