"""What calls cost by the day on which they arrived: a day that is over changes only if what was said does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes.call import DAY_MS
from registry.outcomes.store.rollup import is_unpriced

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.rows import Row

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
        place = row.arrived // DAY_MS, row.series
        spent = self._spent.get(place)
        if spent is None:
            spent = self._spent[place] = [0, 0, 0]
        spent[0] += sign
        spent[1] += sign * (row.cost or 0)
        spent[2] += sign * is_unpriced(row)

    def flush(self, connection: Connection) -> None:
        """Write them."""
        connection.execute_each(_INSERT, [(*place, *spent) for place, spent in self._spent.items()])
