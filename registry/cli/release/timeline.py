"""The steps of a rollout in time: when each began, or will if nobody intervenes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.cli import when
from registry.cli.output import clean
from registry.cli.release import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Json = dict[str, Any]

COLUMNS = ("step", "share", "when")
BY_HAND = "when you advance it"
BEGINNINGS = (
    "start",
    "approve",
)  # while a rollout is under way, the last one approved is the one that began it


def of_plan(steps: Sequence[Json], now: datetime) -> Iterator[tuple[float, str]]:
    """The shares of a rollout that begins now, and when each is reached."""
    for step, at in zip(steps, _arrivals(steps, now), strict=True):
        yield step["percent"], "at once" if at == now else _at(at)


def of_rollout(rollout: Json, changes: Iterable[Json]) -> list[list[str]]:
    """The rows of a rollout under way, for `COLUMNS`; `changes` is its prompt's history, newest first."""
    steps, present = rollout["steps"], rollout["step"]
    began = [_began(change) for change in _moves(changes)] or [when.show(rollout["entered_at"])]
    known = (["?"] * (present + 1 - len(began)) + began)[-present - 1 :]
    known[-1] = f"now, since {known[-1]}"
    return [
        [f"{i}/{len(steps)}", describe.bar(step["percent"]), text]
        for i, (step, text) in enumerate(zip(steps, [*known, *_coming(rollout)], strict=True), 1)
    ]


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
    return f"{when.show(change['at'])} by {clean(change['actor'])}{reason}"


def _coming(rollout: Json) -> list[str]:
    following = rollout["steps"][rollout["step"] + 1 :]
    if rollout["state"] == "paused":
        return ["after it is resumed" for _ in following]
    at = rollout["advances_at"] and datetime.fromisoformat(rollout["advances_at"])
    return [_at(moment) for moment in _arrivals(following, at)]


def _arrivals(steps: Iterable[Json], first: datetime | None) -> Iterator[datetime | None]:
    """When each step is reached if the first one is at this time; None: when a person decides."""
    at = first
    for step in steps:
        yield at
        at = at + when.hold(step["hold"]) if at and "hold" in step else None


def _at(moment: datetime | None) -> str:
    return when.show(moment) if moment else BY_HAND
