"""Write entries as the body of one request."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage import limits
from promptstage._calls.content import redacted
from promptstage._calls.identity import hashed, new_id
from promptstage._calls.record import Record, start, wire

if TYPE_CHECKING:
    from promptstage._calls.content import Redact
    from promptstage._reporting.backlog import Entry, Kind

MOST: dict[Kind, int] = {"calls": limits.BATCH_CALLS, "feedback": limits.BATCH_CALLS, "resolutions": 1}
"""Entries of one request. A resolution is one of its own, as the registry takes it."""


class Batch(NamedTuple):
    """A request that is sent until it is answered: the same bytes each time, which count once.

    Attributes:
        kind: the resource that it goes to.
        length: how many entries are in it.
        body: JSON, compressed.
    """

    kind: Kind
    length: int
    body: bytes


def make_batch(kind: Kind, entries: list[Entry], redact: Redact | None) -> tuple[Batch, list[Entry]]:
    """Write as many entries as a request may hold; returns those that are left, too."""
    written: list[str] = []
    size = 0
    for entry in entries:
        text = json.dumps(_body(entry, redact), separators=(",", ":"), default=str, skipkeys=True)
        if written and size + len(text) > limits.BATCH_BYTES:
            break
        written.append(text)
        size += len(text)
    listed = ",".join(written)
    if kind == "calls":
        whole = f'{{"batch":"{new_id()}","calls":[{listed}]}}'
    else:
        whole = listed if MOST[kind] == 1 else f"[{listed}]"
    # Without the time: gzip has no room for one after 2106, as that of a wrong or a frozen clock.
    body = gzip.compress(whole.encode(), 1, mtime=0)
    return Batch(kind, len(written), body), entries[len(written) :]


def _body(entry: Entry, redact: Redact | None) -> dict[str, Any]:
    record = entry.body
    if not isinstance(record, Record):
        named = record.get("conversation")  # as it was given, until here
        return {**record, "conversation": hashed(named)} if named else record
    if entry.is_start:
        return start(record)
    content = redacted(record.content.to_json(), redact) if record.content else None
    return wire(record) | (content or {})
