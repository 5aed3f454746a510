"""Fold spans: they wait in a table by their trace, as only all of them say which calls there were."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes.store.folding import CHUNK, marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.store.folding import Folding
    from registry.outcomes.store.inbox import Batch

SPAN, CHOSEN, FEEDBACK = "span", "chosen", "feedback"  # what a row is; feedback's goes on with its name
SETTLE_MS = 60_000  # exporters send every 5 s, and a client's record of the same call may come later
MOST_SPANS = 2000  # of a trace that wait for that; then it is settled at once, and the oldest are let go


class Waiting(NamedTuple):
    """A row of the table of spans."""

    environment: str
    trace: bytes
    span: bytes
    kind: str
    response: str | None
    record: str | None
    subject: int | None
    conversation: int | None
    call: bytes | None
    body: str


def fold(folding: Folding, batches: Sequence[Batch]) -> None:
    """Fold batches of spans."""
    for environment, group in groupby(batches, attrgetter("environment")):
        _fold(folding, environment, list(group))


def _fold(folding: Folding, environment: str, batches: Sequence[Batch]) -> None:
    came = [_waiting(environment, entry) for batch in batches for entry in batch.entries]
    rows = list(_placed(folding, environment, came))
    known = _known(folding, environment, {row.trace for row in rows})
    new = {place: row for row in reversed(rows) if (place := (row.trace, row.span, row.kind)) not in known}
    folding.connection.insert("spans", Waiting._fields, list(new.values()))
    arrived = batches[0].arrived
    folding.connection.execute_each(
        "insert into traces (environment, trace, arrived, spans, due) values (?, ?, ?, ?, ?) "
        "on conflict (environment, trace) do update set spans = traces.spans + excluded.spans, "
        f"due = case when traces.spans + excluded.spans >= {MOST_SPANS} then excluded.arrived "
        "when traces.due < excluded.due then traces.due else excluded.due end",
        [
            (environment, trace, arrived, n, arrived + (SETTLE_MS if n < MOST_SPANS else 0))
            for trace, n in Counter(row.trace for row in new.values()).items()
        ],
    )


def _waiting(environment: str, entry: Mapping[str, Any]) -> Waiting:
    return Waiting(
        environment=environment,
        trace=bytes.fromhex(entry["trace"]),
        span=bytes.fromhex(entry["span"]),
        kind=entry["kind"],
        response=entry.get("response"),
        record=entry.get("record"),
        subject=entry.get("subject"),
        conversation=entry.get("conversation"),
        call=None,
        body=entry["body"],
    )


def _placed(folding: Folding, environment: str, came: Sequence[Waiting]) -> Iterator[Waiting]:
    """Yield rows under the trace in which their record, or their answer, was first seen.

    Two requests of one record, and two instrumentations that see one request, may each begin a trace.
    """
    traces = _traces(folding, environment, {name for row in came for name in _names(row)})
    for row in came:
        found = [traces[name] for name in _names(row) if name in traces]
        trace = found[0] if found else row.trace
        if trace:
            traces |= {name: trace for name in _names(row) if name not in traces}
            yield row._replace(trace=trace)
        else:
            folding.left_out[environment, "feedback_of_no_call"] += 1


def _names(row: Waiting) -> list[tuple[str, str]]:
    """Return what else a row belongs together by, the surest first."""
    return [(name, value) for name in ("record", "response") if (value := getattr(row, name))]


def _traces(
    folding: Folding, environment: str, names: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], bytes]:
    """Return the traces that are there by some names."""
    found = {}
    for name, group in groupby(sorted(names), itemgetter(0)):
        listed = [value for _, value in group]
        for first in range(0, len(listed), CHUNK):
            part = listed[first : first + CHUNK]
            for value, trace in folding.connection.fetch(
                f"select {name}, trace from spans where environment = ? and {name} in ({marks(part)})",
                (environment, *part),
            ):
                found[name, value] = trace
    return found


def _known(folding: Folding, environment: str, traces: Iterable[bytes]) -> set[tuple[bytes, bytes, str]]:
    """Return what of some traces is there already."""
    listed, known = sorted(traces), set()
    for first in range(0, len(listed), CHUNK):
        part = listed[first : first + CHUNK]
        known |= set(
            folding.connection.fetch(
                f"select trace, span, kind from spans where environment = ? and trace in ({marks(part)})",
                (environment, *part),
            )
        )
    return known
