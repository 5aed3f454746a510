"""What is asked of a rollout's units and calls besides the counts: by whoever verifies, or looks closer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.outcomes.store.rollup import DAY

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection


class Part(NamedTuple):
    """The calls of an arm that have one value of a dimension; None: they named none."""

    value: str | None
    arm: str
    calls: int
    errors: int


def parts_by(connection: Connection, rollout: str, dimension: str) -> list[Part]:
    """Return the calls of a rollout by arm and `segment` or `model`, as far as usage by day is kept."""
    found = connection.fetch(
        f"select s.{dimension}, s.arm, sum(r.calls), sum(r.errors) from series s "
        "join rollups r on r.series = s.series where s.rollout = ? and s.arm in ('canary', 'control') "
        f"and r.grain = ? group by s.{dimension}, s.arm order by sum(r.calls) desc",
        (rollout, DAY),
    )
    return [Part(value, arm, int(calls), int(errors)) for value, arm, calls, errors in found]


class Recount(NamedTuple):
    """Units of an arm that have the same bits, and what those whose cost was counted add up to."""

    arm: str
    seen: int
    bad: int
    units: int
    n: int
    total: int


def recount(connection: Connection, rollout: str, cap: int) -> list[Recount]:
    """Add the units of a rollout up again; `cap`: the most that a unit costs, in micro-dollars."""
    micro = "(cost + 500) / 1000"
    counted = "is_closed = 1 and is_unpriced = 0"
    capped = f"case when {micro} > ? then ? else {micro} end"
    found = connection.fetch(
        f"select arm, seen, bad, count(*), sum(case when {counted} then 1 else 0 end), "
        f"sum(case when {counted} then {capped} else 0 end) from units where rollout = ? "
        "group by arm, seen, bad",
        (cap, cap, rollout),
    )
    return [Recount(*row) for row in found]


def span(connection: Connection, rollout: str) -> tuple[int, int] | None:
    """Return the starts of the earliest and the latest first call of a unit (ms); None: there is no unit."""
    ((first, last),) = connection.fetch(
        "select min(first), max(first) from units where rollout = ?", (rollout,)
    )
    return None if first is None else (first, last)


def bad_by_time(
    connection: Connection, rollout: str, first: int, width: int
) -> list[tuple[int, str, int, int]]:
    """Count the bad units by the slot of their first call: slot, arm, their bits, how many.

    Args:
        connection: a transaction.
        rollout: its id.
        first: where the first slot begins, in milliseconds since 1970.
        width: of a slot, in milliseconds.
    """
    found = connection.fetch(
        "select (first - ?) / ? as slot, arm, bad, count(*) from units where rollout = ? and bad <> 0 "
        "group by slot, arm, bad",
        (first, width, rollout),
    )
    return [(int(slot), arm, bad, many) for slot, arm, bad, many in found]
