"""Sums since ever, by environment, prompt, version and arm: what metrics show as counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes import histogram
from registry.outcomes.store.rollup import SUMS, Sums
from registry.outcomes.store.series import UNKNOWN

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.series import Series

NAMES = ("environment", "prompt", "version", "arm")
_COLUMNS = (*NAMES, *SUMS, "durations", "at")
_PLACE = " and ".join(f"{name} = ?" for name in NAMES)
_INSERT = (
    f"insert into totals ({', '.join(_COLUMNS)}) values ({', '.join('?' * len(_COLUMNS))}) "
    f"on conflict ({', '.join(NAMES)}) do update set "
    + "".join(f"{name} = totals.{name} + excluded.{name}, " for name in SUMS)
    + "durations = excluded.durations, at = excluded.at"
)


class Total(NamedTuple):
    """The sums of a version's calls in one arm; latencies by bucket of `registry.outcomes.histogram`."""

    environment: str
    prompt: str
    version: str
    arm: str
    sums: Mapping[str, int]
    durations: Counter[int]


def add(
    connection: Connection, sums_by_series: Mapping[int, Sums], known: Mapping[int, Series], now: int
) -> None:
    """Add what a transaction adds to each series; `known` has them by number."""
    by_place: dict[tuple[str, ...], Sums] = {}
    for number, sums in sums_by_series.items():
        place = tuple(getattr(known[number], name) or UNKNOWN for name in NAMES)
        by_place.setdefault(place, Sums()).merge(sums)
    connection.execute_each(
        _INSERT,
        [
            (*place, *sums.totals, _joined(connection, place, sums.durations), now)
            for place, sums in by_place.items()
        ],
    )


def _joined(connection: Connection, place: tuple[str, ...], added: Counter[int]) -> bytes | None:
    """Return the histogram of a place with what is added."""
    found = connection.fetch(f"select durations from totals where {_PLACE}", place)
    counts = histogram.decode(found[0][0] or b"") if found else histogram.decode(b"")
    counts.update(added)
    return histogram.encode(counts)


def newest(connection: Connection, limit: int) -> list[Total]:
    """Return the totals that changed last, so many at most."""
    rows = connection.fetch(
        f"select {', '.join(_COLUMNS[:-1])} from totals order by at desc, prompt, version, arm limit ?",
        (limit,),
    )
    return [_total(row) for row in rows]


def _total(row: tuple[Any, ...]) -> Total:
    environment, prompt, version, arm, *sums, durations = row
    added = dict(zip(SUMS, sums, strict=True))
    return Total(environment, prompt, version, arm, added, histogram.decode(durations or b""))
