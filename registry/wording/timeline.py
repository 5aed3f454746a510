"""The steps of a rollout in time: when each began, or will be reached by itself. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from registry.rollouts import schedule
from registry.wording import describe, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from promptstage.model import Json
    from registry.rollouts.schedule import Arrival

COLUMNS = ("step", "share", "when")
PLAN_COLUMNS = ("asked for", "when")  # of a plan that awaits approval
AT_THE_EARLIEST = "at the earliest"
BY_HAND = "when you advance it"
RESUMED = "when you resume and advance it"
COMPLETES = "completes"  # in the place of a share
BEGINNINGS = (
    "start",
    "approve",
)  # while a rollout is under way, the last one approved is the one that began it


class Step(NamedTuple):
    """A step as JSON has it."""

    percent: float
    hold: str | None = None


def of_plan(
    steps: Sequence[Json], now: datetime | None, *, guarded: bool = False
) -> Iterator[tuple[str, str]]:
    """The shares of a rollout, and when each is reached; it begins now, or (None) when it is approved.

    If it is `guarded`, a time is the earliest.
    """
    plan = _plan(steps)
    hold = schedule.held(plan[0])
    at = now + hold if now and hold else None
    yield f"{plan[0].percent:g}%", "at once" if now else "when it is approved"
    for percent, text in _coming(plan, 0, hold, at, BY_HAND):
        yield COMPLETES if percent is None else f"{percent:g}%", _earliest(text, guarded=guarded)


def _earliest(text: str, *, guarded: bool) -> str:
    """Say of a time that it is the earliest, as a guard may hold the step."""
    return f"{text}, {AT_THE_EARLIEST}" if guarded and not text.startswith("when ") else text


def of_rollout(rollout: Json, changes: Iterable[Json]) -> list[list[str]]:
    """The rows of a rollout under way, for `COLUMNS`; `changes` is its prompt's history, newest first."""
    steps, present = rollout["steps"], rollout["step"]
    began = [_began(change) for change in _moves(changes)] or [times.show(rollout["entered_at"])]
    known = (["?"] * (present + 1 - len(began)) + began)[-present - 1 :]
    known[-1] = f"now, since {known[-1]}"
    guarded = "guard" in rollout
    coming = [(percent, _earliest(text, guarded=guarded)) for percent, text in _left(rollout)]
    reached = [(step["percent"], text) for step, text in zip(steps, known, strict=False)]
    return [
        [describe.NONE, COMPLETES, text]
        if percent is None
        else [f"{i}/{len(steps)}", describe.bar(percent), text]
        for i, (percent, text) in enumerate([*reached, *coming], 1)
    ]


def _left(rollout: Json) -> Iterator[tuple[float | None, str]]:
    """Return the steps that a rollout under way has yet to reach."""
    plan, present = _plan(rollout["steps"]), rollout["step"]
    if rollout["state"] == "paused":
        left = rollout.get("remaining")
        return _coming(plan, present, None if left is None else timedelta(seconds=left), None, RESUMED)
    at = rollout["advances_at"] and datetime.fromisoformat(rollout["advances_at"])
    return _coming(plan, present, schedule.held(plan[present]), at, BY_HAND)


def _plan(steps: Sequence[Json]) -> list[Step]:
    return [Step(step["percent"], step.get("hold")) for step in steps]


def _coming(
    plan: Sequence[Step], present: int, left: timedelta | None, at: datetime | None, by_hand: str
) -> Iterator[tuple[float | None, str]]:
    """Put into words what is foretold: shares, or None for an end that waits for a person.

    `by_hand` is what the present step waits for, if it is not held for a time.
    """
    before = "it is resumed" if by_hand == RESUMED else f"it reaches {plan[present].percent:g}%"
    completes = False
    for arrival in schedule.forecast(plan, present, left, at):
        yield arrival.percent, _when(arrival, before, by_hand)
        before, by_hand, completes = f"it reaches {arrival.percent:g}%", BY_HAND, arrival.completes
    if not completes:
        yield None, f"when you promote it; by itself it stays at {plan[-1].percent:g}%"


def _when(arrival: Arrival, before: str, by_hand: str) -> str:
    if arrival.at:
        return times.show(arrival.at)
    if arrival.after is None:
        return by_hand
    return f"by itself, {times.duration(arrival.after.total_seconds())} after {before}"


def _moves(changes: Iterable[Json]) -> list[Json]:
    """The changes that began a step of the newest rollout, oldest first."""
    found: list[Json] = []
    for change in changes:
        if change["op"] in {*BEGINNINGS, "advance"}:
            found.append(change)
        if change["op"] in BEGINNINGS:
            break
    return found[::-1]


def _began(change: Json) -> str:
    reason = f": {clean(change['reason'])}" if change["reason"] else ""
    return f"{times.show(change['at'])} by {clean(change['actor'])}{reason}"
