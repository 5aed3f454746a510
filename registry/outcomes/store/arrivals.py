"""What calls cost by the day on which they arrived: a day that is over changes only if what was said does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes.store.rollup import DAY, contribution

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.rows import Row

MS = 1000
_INSERT = (
    "insert into arrivals (day, series, calls, cost, unpriced) values (?, ?, ?, ?, ?) "
    "on conflict (day, series) do update set calls = arrivals.calls + excluded.calls, "
    "cost = arrivals.cost + excluded.cost, unpriced = arrivals.unpriced + excluded.unpriced"
)


class Arrivals:
    """The differences that one transaction makes."""

    def __init__(self) -> None:
        self._spent: dict[tuple[int, int], list[int]] = {}  # by day and series

    def add(self, row: Row, sign: int) -> None:
        """Add a call, or take it out as it was added before."""
        calls, *_, cost, unpriced = contribution(row)
        spent = self._spent.setdefault((row.arrived // MS // DAY, row.series), [0, 0, 0])
        for place, value in enumerate((calls, cost, unpriced)):
            spent[place] += sign * value

    def flush(self, connection: Connection) -> None:
        """Write them."""
        connection.execute_each(_INSERT, [(*place, *spent) for place, spent in self._spent.items()])
