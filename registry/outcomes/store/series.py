"""Series: what calls are summed by. Their number is a hash, and new ones are bounded by the minute."""

from __future__ import annotations

import json
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.outcomes.store.database import Connection

OTHER = "other"
UNKNOWN = "unknown"
MAX_SERIES = 2000  # an environment and minute, over all dimensions
MAX_MINUTES = 64  # that are watched: late calls are of some other minute
MAX_KNOWN = 50_000  # numbers that need not be looked for in the table again
DETAILS = ("model", "provider", "route", "segment")  # what the outline of a series leaves out
FREE = (*DETAILS, "rollout")  # what senders make up; the others are bounded
ARMS = frozenset(("stable", "canary", "control", "target", "pinned", "fallback"))


class Series(NamedTuple):
    """The dimensions of calls that are summed together; None: not known."""

    environment: str
    prompt: str | None = None
    version: str | None = None
    arm: str | None = None
    rollout: str | None = None
    model: str | None = None
    provider: str | None = None
    route: str | None = None
    segment: str | None = None

    def number(self) -> int:
        """Return its number: 63 bits of a hash, so that no process has to ask for one."""
        digest = sha256(json.dumps(self, separators=(",", ":")).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def rest(self) -> Series:
        """Return the series of what is beyond the bound: what senders make up becomes `other`."""
        arm = self.arm if self.arm is None or self.arm in ARMS else OTHER
        return self._replace(arm=arm, **dict.fromkeys(FREE, OTHER))

    def outline(self) -> Series:
        """Return the series of all calls that have the same outline."""
        return self._replace(model=None, provider=None, route=None, segment=None)


def of(environment: str, entry: Mapping[str, Any]) -> Series:
    """Return the series of a call; its model is the one that answered, if that is known."""
    get = entry.get
    return Series(
        environment,
        get("prompt"),
        get("version"),
        get("arm"),
        get("rollout"),
        get("response_model") or get("model"),
        get("provider"),
        get("route"),
        get("segment"),
    )


class SeriesTable:
    """The series that a folder has met: bounded, and written to the table when they are new."""

    def __init__(self) -> None:
        self._numbers: dict[Series, int] = {}
        self._minutes: OrderedDict[tuple[str, int], set[Series]] = OrderedDict()
        self._new: dict[Series, int] = {}  # not written yet
        self._written: list[Series] = []  # in the transaction under way

    def number(self, series: Series, minute: int) -> tuple[int, bool]:
        """Return the number of a series in a minute, and whether it is within the bound."""
        place = series.environment, minute
        live = self._minutes.get(place)
        if live is None:
            live = self._minutes[place] = set()
            if len(self._minutes) > MAX_MINUTES:
                self._minutes.popitem(last=False)
        within = series in live or len(live) < MAX_SERIES
        if within:
            live.add(series)
        else:
            series = series.rest()
        number = self._numbers.get(series)
        if number is None:
            number = self._numbers[series] = self._new[series] = series.number()
        return number, within

    def flush(self, connection: Connection) -> None:
        """Write the new ones, so that what is folded next finds them."""
        write(connection, self._new)
        self._written += self._new
        self._new.clear()

    def settle(self, *, committed: bool) -> None:
        """Forget what was new if it was not committed, and all if they are too many."""
        if not committed:
            for series in (*self._new, *self._written):
                self._numbers.pop(series, None)
        self._new.clear()
        self._written.clear()
        if len(self._numbers) > MAX_KNOWN:
            self._numbers.clear()


def write(connection: Connection, numbers: Mapping[Series, int]) -> None:
    """Write series that may be there already."""
    connection.execute_each(
        "insert into series (series, environment, prompt, version, arm, rollout, model, provider, route, "
        "segment) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (series) do nothing",
        [(number, *series) for series, number in numbers.items()],
    )


def load(connection: Connection, numbers: set[int]) -> dict[int, Series]:
    """Return the series of some numbers."""
    found: dict[int, Series] = {}
    listed = sorted(numbers)
    for start in range(0, len(listed), 500):
        part = listed[start : start + 500]
        rows = connection.fetch(
            "select series, environment, prompt, version, arm, rollout, model, provider, route, segment "
            f"from series where series in ({','.join('?' * len(part))})",
            part,
        )
        found |= {row[0]: Series(*row[1:]) for row in rows}
    return found
