"""Made-up calls in a store, quicker than they could be reported; their sums are made by the same code.

288 series are live: 8 prompts of 3 versions, 3 models, 4 segments; latencies are log-normal, 2 % are errors,
and 1 % have a score.
"""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING, Any

from registry.outcomes.call import DAY_MS
from registry.outcomes.store import days
from registry.outcomes.store.folding import hour_of
from registry.outcomes.store.rollup import Deltas
from registry.outcomes.store.rows import ENDED, Row
from registry.outcomes.store.series import Series, SeriesTable, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.outcomes.store.database import Connection, Database

SEED = 20261130
ENVIRONMENT = "production"
PROMPTS = tuple(f"support/prompt-{i}" for i in range(8))
DIMENSIONS = tuple(
    product(PROMPTS, ("1.0.0", "1.1.0", "2.0.0"), ("small", "middle", "large"), ("a", "b", "c", "d"))
)
PRICE = "price:genai-prices 2026-11-01"
EXTRA = '{"reason":"SPLIT","seq":41,"source":"live","finish_reason":"stop"}'
SCORED = 100  # one call in so many


def fill(database: Database, first_day: int, count: int, calls: int) -> list[bytes]:
    """Fill days with calls, the same number each; return the key of one call of each day."""
    chance = random.Random(SEED)
    table = SeriesTable()
    numbers = [table.number(_series(*each), 0)[0] for each in DIMENSIONS]
    database.write(table.flush)
    found = []
    for day in range(first_day, first_day + count):
        rows = _rows(chance, day, calls // count, numbers)
        found.append(rows[0].call)
        database.write(lambda connection, day=day, rows=rows: _day(connection, day, rows, chance))  # type: ignore[misc]
    return found


def _series(prompt: str, version: str, model: str, segment: str) -> Series:
    return Series(ENVIRONMENT, prompt, version, "stable", None, model, "openai", "POST /tickets", segment)


def _rows(chance: random.Random, day: int, calls: int, numbers: Sequence[int]) -> list[Row]:
    start = day * DAY_MS
    times = sorted(chance.randrange(DAY_MS) for _ in range(calls))
    return [_row(chance, start + at, chance.choice(numbers)) for at in times]


def _row(chance: random.Random, at: int, series: int) -> Row:
    bits = chance.getrandbits
    return Row(
        call=at.to_bytes(6, "big") + b"\x70" + bits(8).to_bytes() + b"\x80" + bits(56).to_bytes(7, "big"),
        at=at,
        booked=at,
        arrived=at + 1000,
        series=series,
        state=ENDED,
        bucket=bits(16),
        unit=bits(63),
        subject=bits(63),
        conversation=bits(63),
        trace=bits(128).to_bytes(16, "big"),
        span=bits(64).to_bytes(8, "big"),
        input=bits(12),
        output=bits(8),
        cached=0,
        reasoning=None,
        cost=bits(22),
        duration=round(chance.lognormvariate(6.5, 0.6), 1),
        ttft=float(100 + bits(8)),
        error="RateLimitError" if bits(6) == 0 else None,
        extra=EXTRA,
    )


def _day(connection: Connection, day: int, rows: Sequence[Row], chance: random.Random) -> None:
    days.create(connection, day)
    connection.insert(days.calls(day), Row._fields, rows)
    days.widen(connection, day, rows[0].booked, rows[-1].booked)
    deltas = Deltas()
    for row in rows:
        deltas.add(row)
        deltas.tally(hour_of(row.booked), row.series, PRICE, row.cost or 0)
    deltas.flush(connection, load(connection, deltas.numbers()))
    connection.insert("signals", SIGNAL, [_score(chance, row) for row in rows[::SCORED]])


SIGNAL = ("call", "kind", "name", "judge", "environment", "value", "at", "detail", "series", "start")


def _score(chance: random.Random, row: Row) -> tuple[Any, ...]:
    return (
        row.call,
        "score",
        "judge",
        "gpt",
        ENVIRONMENT,
        chance.random(),
        row.arrived,
        None,
        row.series,
        hour_of(row.booked),
    )
