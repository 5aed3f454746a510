"""Sums of outlines: what is asked by few dimensions is what the sums of all series add up to."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcomes_in import DAY_MS, HOUR_MS, now, record

from registry import outcomes
from registry.outcomes.store import usage
from registry.outcomes.store.database import statements
from registry.outcomes.store.usage import DIMENSIONS

if TYPE_CHECKING:
    from outcomes_in import Desk

    from registry.outcomes.store.database import Connection

STEP = Path(outcomes.__path__[0]) / "store/schema/main-005.sql"
QUERY = usage.Query(environment="production", since=0, until=now() // 1000)
OUTLINE = ("prompt", "version", "arm", "rollout")
SUMMED = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd", "unpriced")


def _filled(desk: Desk) -> None:
    """Calls of many series over two days, some of which are corrected by a second report, and feedback."""
    chance = random.Random(13)
    begun = now() - DAY_MS
    records = [
        record(
            begun + chance.randrange(DAY_MS - HOUR_MS),
            version=chance.choice(["1.0.0", "1.1.0"]),
            arm=chance.choice(["stable", "canary", None]),
            model=chance.choice(["small", "large", None]),
            route=chance.choice(["GET /", None]),
            duration_ms=chance.lognormvariate(6, 1),
            error=chance.choice([None, None, "Timeout"]),
        )
        for _ in range(200)
    ]
    desk.send(*({"started": True, "duration_ms": None, "model": None, **each} for each in records[:50]))
    desk.fold()
    desk.send(*records)
    desk.say("feedback", *({"call": each["id"], "kind": "up"} for each in records[::7]))
    desk.fold()


def _summed(rows: list[dict[str, Any]], by: tuple[str, ...]) -> dict[tuple[Any, ...], Counter[str]]:
    """Rows of usage added up by fewer dimensions."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows:
        sums = found.setdefault((row["period"], *(row[name] for name in by)), Counter())
        sums.update({name: round((row[name] or 0) * 1e9) for name in SUMMED})
        sums.update({f"feedback {kind}": n for kind, n in row["feedback"].items()})
        sums.update({f"price {kind}": n for kind, n in row["prices"].items()})
    return found


def _check(desk: Desk) -> None:
    for period in ("hour", "day", None):
        everything = desk.usage(*DIMENSIONS, period=period, limit=5000)
        assert _summed(desk.usage(*OUTLINE, period=period), OUTLINE) == _summed(everything, OUTLINE)
    (exact,) = desk.usage(where=(("version", "1.0.0"),))
    models = desk.usage("model", where=(("version", "1.0.0"),))
    assert exact["calls"] == sum(row["calls"] for row in models) > 0
    assert exact["feedback"]["up"] == sum(row["feedback"].get("up", 0) for row in models)


def test_outlines_add_up_to_what_series_add_up_to(desk: Desk) -> None:
    """By hour, day, and all of the time; after corrections, too."""
    _filled(desk)

    _check(desk)
    assert desk.total()["calls"] == 200


def test_totals_are_those_of_all_periods(desk: Desk) -> None:
    """However many rows the page has: with quantiles of all their calls, and what else was said of them."""
    _filled(desk)
    page = desk.page("version", period="hour", limit=1, totals=True)
    plain = desk.usage("version")

    assert page.place is not None
    assert [row | {"period": None} for row in page.totals] == [row | {"period": None} for row in plain]
    assert page.totals[0]["period"].endswith(":00:00Z")


def test_quantiles_of_an_outline_are_those_of_its_calls(desk: Desk) -> None:
    """Histograms are merged, and merging them twice changes nothing."""
    desk.send(*(record(duration_ms=float(n), model=f"m{n % 3}") for n in range(1, 101)))
    desk.fold()

    row, (narrow,) = desk.total(), desk.usage("model", where=(("model", "m0"),))
    assert abs(row["p50_ms"] - 50) <= 1.5
    assert abs(row["p95_ms"] - 95) <= 2.5
    assert narrow["calls"] == 33


def test_outlines_of_an_older_database_are_made_of_its_sums(desk: Desk) -> None:
    """By a step of the schema, and what is folded after that is added to them."""
    _filled(desk)

    def redo(connection: Connection) -> None:
        for table in ("rollups", "tallies"):
            connection.execute(f"delete from {table} where grain < 0")
        connection.execute("delete from series where series not in (select series from rollups)")
        assert usage.read(connection, QUERY) == ([], None, [])
        for statement in statements(STEP.read_text(), connection.words):
            connection.execute(statement)

    desk.store.main.write(redo)
    _check(desk)
    desk.send(record(version="1.0.0", arm="canary"))
    desk.fold()
    assert desk.total()["calls"] == 201
    _check(desk)
