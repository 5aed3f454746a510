"""The table of transitions, pure: a state and a command give a new state, or a conflict.

Approval by a second person is in `registry.rollouts.approval`, which every change passes through. Nothing
here knows a clock, a store or a protocol. The id and salt of a new rollout come with the command. `epoch`
and `seq` are left unchanged: the journal's writer sets them.

Each change of the versions in force keeps those that were resumable before it. So a rollback withdraws the
version that it takes back: that was stable or candidate, which are not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from registry.rollouts.schedule import following, held
from registry.rollouts.state import Rollout, State

if TYPE_CHECKING:
    from datetime import datetime

    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import Step, Target, VersionRef


@dataclass(frozen=True, slots=True)
class Start:
    """Start a rollout of a candidate; without a guard nothing judges it."""

    candidate: VersionRef
    steps: tuple[Step, ...]
    audience: tuple[Target, ...]
    id: str
    salt: str
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    """Go to the next step, or complete."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop the clock of a timed step; `harm` has the metrics on whose harm a guard does it."""

    harm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """Restart the clock with the time that was left, and acknowledge the harm that it was paused for."""


@dataclass(frozen=True, slots=True)
class Promote:
    """Put a version in force for all; without one, complete the rollout."""

    version: VersionRef | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Undo the latest forward step, once."""


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Set a constant of the guard, once."""

    name: str
    constant: Constant


Command = Start | Advance | Pause | Resume | Promote | Rollback | Calibrate


@dataclass(frozen=True, slots=True)
class Conflict:
    """The reason why the state does not allow the command, and what it would allow."""

    code: str
    message: str


NO_STABLE = Conflict("no_stable", "nothing is in force here yet; promote a first version")
NO_ROLLOUT = Conflict("no_rollout", "no rollout is under way; start one")
ROLLOUT_ACTIVE = Conflict("rollout_active", "a rollout is under way; promote it or roll it back first")
PAUSED = Conflict("paused", "the rollout is paused; resume it first")
NOT_PAUSED = Conflict("not_paused", "the rollout is not paused")
ALREADY_STABLE = Conflict("already_stable", "that version is in force for everyone already")
NOTHING_TO_ROLL_BACK = Conflict(
    "nothing_to_roll_back",
    "the last change was undone already, or is the first; promote the version you want",
)
NOT_GUARDED = Conflict("not_guarded", "the rollout has no guard")
CALIBRATED = Conflict("calibrated", "the guard needs no such constant, or knows it already")
VERSION_NEEDED = Conflict("version_needed", "say which version; without a rollout there is none to complete")


def apply(state: State, command: Command, now: datetime) -> State | Conflict:
    """Apply a command to a state.

    Args:
        state: the present state, possibly empty.
        command: one of the seven.
        now: the time of the change, with a zone.
    """
    match command:
        case Start():
            return _start(state, command, now)
        case Promote():
            return _promote(state, command)
        case Rollback():
            return _rollback(state)
        case Advance() | Pause() | Resume() | Calibrate():
            if state.stable is None:
                return NO_STABLE
            if state.rollout is None:
                return NO_ROLLOUT
            return _move(state, state.rollout, command, now)
        case _:
            assert_never(command)


def _start(state: State, command: Start, now: datetime) -> State | Conflict:
    if state.stable is None:
        return NO_STABLE
    if state.rollout is not None:
        return ROLLOUT_ACTIVE
    if state.stable.version == command.candidate.version:
        return ALREADY_STABLE
    rollout = Rollout(
        id=command.id,
        salt=command.salt,
        state="running",
        candidate=command.candidate,
        steps=command.steps,
        step=0,
        entered_at=now,
        audience=command.audience,
        guard=command.guard,
    )
    return state.model_copy(update={"rollout": _enter(rollout, 0, now)})


def _move(
    state: State, rollout: Rollout, command: Advance | Pause | Resume | Calibrate, now: datetime
) -> State | Conflict:
    paused = rollout.state == "paused"
    moved: Rollout | Conflict
    match command:
        case Advance():
            if paused:
                return PAUSED
            step = following(rollout.steps, rollout.step)
            if step is None:
                return _in_force(state, rollout.candidate)
            return state.model_copy(update={"rollout": _enter(rollout, step, now)})
        case Pause():
            moved = _pause(rollout, command.harm, now)
        case Resume():
            moved = _resume(rollout, now) if paused else NOT_PAUSED
        case Calibrate():
            moved = _calibrate(rollout, command)
        case _:
            assert_never(command)
    return moved if isinstance(moved, Conflict) else state.model_copy(update={"rollout": moved})


def _promote(state: State, command: Promote) -> State | Conflict:
    version = promoted(state, command)
    return version if isinstance(version, Conflict) else _in_force(state, version)


def promoted(state: State, command: Promote) -> VersionRef | Conflict:
    """Return the version that a promote puts in force."""
    rollout, version = state.rollout, command.version
    if rollout is not None:
        if version is not None and version.version != rollout.candidate.version:
            return ROLLOUT_ACTIVE
        return rollout.candidate
    if version is None:
        return VERSION_NEEDED
    if state.stable is not None and state.stable.version == version.version:
        return ALREADY_STABLE
    return version


def _rollback(state: State) -> State | Conflict:
    if state.stable is None:
        return NO_STABLE
    if state.rollout is not None:
        return state.model_copy(update={"rollout": None, "previous": None, "recent": state.resumable})
    if state.previous is None:
        return NOTHING_TO_ROLL_BACK
    return state.model_copy(update={"stable": state.previous, "previous": None, "recent": state.resumable})


def _in_force(state: State, version: VersionRef) -> State:
    after = {"stable": version, "previous": state.stable, "rollout": None, "recent": state.resumable}
    return state.model_copy(update=after)


def _enter(rollout: Rollout, step: int, now: datetime) -> Rollout:
    hold = held(rollout.steps[step])
    advances_at = None if hold is None else now + hold
    return rollout.model_copy(update={"step": step, "entered_at": now, "advances_at": advances_at})


def _pause(rollout: Rollout, harm: tuple[str, ...], now: datetime) -> Rollout | Conflict:
    """Pause; a paused rollout stays so, and a guard may add the harm that it found meanwhile."""
    guard = rollout.guard and rollout.guard.paused(harm)
    if rollout.state == "paused":
        return PAUSED if guard == rollout.guard else rollout.model_copy(update={"guard": guard})
    clock = {"state": "paused", "advances_at": None, "remaining": rollout.left(now)}
    return rollout.model_copy(update=clock | {"guard": guard})


def _resume(rollout: Rollout, now: datetime) -> Rollout:
    advances_at = None if rollout.remaining is None else now + timedelta(seconds=rollout.remaining)
    clock = {"state": "running", "advances_at": advances_at, "remaining": None}
    return rollout.model_copy(update=clock | {"guard": rollout.guard and rollout.guard.resumed()})


def _calibrate(rollout: Rollout, command: Calibrate) -> Rollout | Conflict:
    if rollout.guard is None:
        return NOT_GUARDED
    guard = rollout.guard.knowing({command.name: command.constant})
    return CALIBRATED if guard is rollout.guard else rollout.model_copy(update={"guard": guard})


def ends(before: State, after: State) -> tuple[str | float | None, str | float | None]:
    """Return what a change went from and to: versions if those changed, else the rollout's percents."""
    old, new = before.rollout, after.rollout
    if old and new:
        return old.percent, new.percent
    if old and after.stable == old.candidate:
        return before.stable_version, old.candidate.version
    if old:
        return old.candidate.version, after.stable_version
    return before.stable_version, new.candidate.version if new else after.stable_version
