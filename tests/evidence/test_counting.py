"""What a call adds to the evidence: once a unit and metric, on its own arm, in any order."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from registry.evidence.counting import (
    COST_MS,
    EXPOSED,
    UNFINISHED_MS,
    Changes,
    Report,
    Unit,
    Watch,
    close,
    count,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.evidence.verdicts import Counts

NOW = 1_800_000_000_000
WATCH = Watch(
    versions={"canary": "1.1.0", "control": "1.0.0"},
    steps=((10, 5), (20, 25)),
    newest=30,
    metrics=("errors", "latency", "format", "feedback", "judge", "cost", "flag:made_up"),
    slower={"latency": 1000.0},
)


def call(unit: int = 1, bucket: int = 7, **known: Any) -> Report:
    """A call of a canary unit at the first step, or whatever else is said."""
    plain: dict[str, Any] = {
        "arm": "canary",
        "version": "1.1.0",
        "seq": 10,
        "at": NOW - 60_000,
        "duration": 90.0,
    }
    return Report(unit, bucket, **{**plain, **known})


def counted(*reports: Report, watch: Watch = WATCH, now: int = NOW) -> Changes:
    """What calls of units that were never seen add."""
    return count(watch, enumerate(reports), {}, now)


def of(changes: Changes, metric: str) -> dict[tuple[float, str], tuple[int, int]]:
    """The units and bad units of a metric, by step and arm."""
    return {
        (percent, arm): (counts.units, counts.bad)
        for (name, percent, arm), counts in changes.counts.items()
        if name == metric
    }


def test_a_unit_counts_once() -> None:
    """With its first value and its first bad event, at the step and on the arm of each."""
    found = counted(call(), call(error="Timeout", seq=20), call(error="Timeout"), call(2, 4_999))

    assert of(found, "errors") == {(5, "canary"): (2, 0), (25, "canary"): (0, 1)}
    assert of(found, EXPOSED) == {(5, "canary"): (2, 0)}


@pytest.mark.parametrize(
    ("report", "metric", "expected"),
    [
        (call(error="RateLimitError"), "errors", (1, 1)),
        (call(duration=1000.0), "latency", (1, 0)),
        (call(duration=1000.1), "latency", (1, 1)),
        (call(duration=None), "latency", None),
        (call(format_error=True), "format", (1, 1)),
        (call(format_error=None), "format", None),
        (call(feedback=("up",)), "feedback", (1, 0)),
        (call(feedback=("up", "edited")), "feedback", (1, 1)),
        (call(), "feedback", None),
        (call(score=0.5), "judge", (1, 0)),
        (call(score=0.49), "judge", (1, 1)),
        (call(flags=("other",)), "flag:made_up", (1, 0)),
        (call(flags=("other", "made_up")), "flag:made_up", (1, 1)),
    ],
)
def test_values_and_bad_events(report: Report, metric: str, expected: tuple[int, int] | None) -> None:
    """What a call does not say is no value, and never a good one."""
    assert of(counted(report), metric) == ({} if expected is None else {(5, "canary"): expected})


@pytest.mark.parametrize(
    ("known", "misassigned"),
    [
        ({"arm": "control", "version": "1.0.0"}, 1),
        ({"version": "1.0.0"}, 1),
        ({"seq": 9}, 1),
        ({"seq": 31}, 1),
        ({"bucket": 5_000}, 0),
        ({"bucket": 95_000}, 1),
        ({"bucket": 95_000, "arm": "control", "version": "1.0.0"}, 0),
        ({"bucket": 50_000, "arm": "stable", "version": "1.0.0"}, 0),
    ],
)
def test_what_is_not_its_arm_does_not_count(known: dict[str, Any], misassigned: int) -> None:
    """A call that claims another arm, version or step is shown, and judged nowhere."""
    found = counted(call(error="Timeout", **{"bucket": 7, **known}))

    assert found.misassigned == misassigned
    assert of(found, EXPOSED) == (
        {(5, "control"): (1, 0)} if known.get("arm") == "control" and not misassigned else {}
    )


def test_a_call_without_an_end_is_unfinished() -> None:
    """After ten minutes, as an error; until then it has a value of nothing but exposure, and waits."""
    begun = call(ended=False, duration=None)
    early, late = counted(begun), counted(begun._replace(at=NOW - UNFINISHED_MS))

    assert (of(early, "errors"), early.again) == ({}, [0])
    assert (of(late, "errors"), late.again) == ({(5, "canary"): (1, 1)}, [])
    assert of(early, EXPOSED) == {(5, "canary"): (1, 0)}


def test_a_constant_that_came_later_counts_from_then_on() -> None:
    """A metric that was calibrated under way knows nothing of calls from before."""
    watch = replace(WATCH, since={"latency": NOW - 1000})

    assert of(counted(call(duration=5000.0), watch=watch), "latency") == {}
    assert of(counted(call(duration=5000.0, at=NOW - 1000), watch=watch), "latency") == {
        (5, "canary"): (1, 1)
    }
    assert of(counted(call(duration=5000.0), watch=replace(WATCH, slower={})), "latency") == {}


def stories(seed: int) -> list[Report]:
    """Calls of many units on both arms."""
    chance = Random(seed)
    found = []
    for _ in range(300):
        unit = chance.randrange(60)
        arm, bucket, version = ("canary", unit, "1.1.0") if unit % 2 else ("control", 99_999 - unit, "1.0.0")
        found.append(
            call(
                unit,
                bucket,
                arm=arm,
                version=version,
                at=NOW - chance.randrange(3_000_000),
                error=chance.choice((None, None, "Timeout")),
                duration=chance.choice((None, 10.0, 2000.0)),
                feedback=chance.choice(((), ("up",), ("down",))),
                cost=chance.choice((1_000_000, 3_000_000)),
            )
        )
    return found


def totals(batches: Iterable[list[Report]]) -> tuple[dict[Any, Counts], dict[int, tuple[int, int, int]]]:
    """What batches add up to, and what is kept of each unit."""
    units: dict[int, Unit] = {}
    sums = Changes()
    for batch in batches:
        for place, counts in count(WATCH, enumerate(batch), units, NOW).counts.items():
            sums.add(*place, counts)
    return sums.counts, {name: (unit.seen, unit.bad, unit.cost) for name, unit in units.items()}


@pytest.mark.parametrize("seed", range(5))
def test_order_and_batches_change_nothing(seed: int) -> None:
    """Nor does what is looked at again; only the hour of a unit's cost begins with what is counted first."""
    reports = stories(seed)
    shuffled = Random(seed).sample(reports, len(reports))
    expected = totals([reports])

    assert totals([shuffled]) == expected
    assert totals([shuffled[:50], shuffled[50:51], shuffled[51:]]) == expected
    again = [report._replace(is_again=True) for report in reports]
    assert totals([reports, again]) == expected


def test_the_cost_of_a_unit_is_that_of_its_first_hour() -> None:
    """Capped; and a unit with a call that has no price has none."""
    units: dict[int, Unit] = {}
    at = NOW - 2 * COST_MS
    reports = [
        call(1, cost=2_000_000, at=at),
        call(1, cost=3_000_400, at=at + COST_MS - 1),
        call(1, cost=9_000_000, at=at + COST_MS),
        call(2, cost=90_000_000, at=at),
        call(3, cost=None, at=at),
    ]
    count(WATCH, enumerate(reports), units, NOW)
    changes = Changes()
    close(list(units.values()), 50_000, changes)

    (sums,) = [counts.sums for counts in changes.counts.values()]
    assert (sums.n, sums.total, sums.squares) == (2, 5000 + 50_000, 5000**2 + 50_000**2)
    assert all(unit.is_closed for unit in units.values())
    count(WATCH, [(0, call(1, cost=1_000_000, at=at + 1))], units, NOW)
    assert units[1].cost == 5_000_400
