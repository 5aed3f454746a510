"""What the API asks of outcomes: take reports in durably, and read what they add up to."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from registry.errors import Unavailable
from registry.outcomes import identity, signals
from registry.outcomes.call import Refused, checked, unknown
from registry.outcomes.lazy_store import LazyStore
from registry.outcomes.span_entry import Read, SpanEntries
from registry.outcomes.store import calls, erasure, fold, health, usage
from registry.outcomes.store.inbox import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.outcomes.lazy_store import Options
    from registry.outcomes.store.database import Database
    from registry.outcomes.store.erasure import Erased
    from registry.outcomes.store.health import Health

BITE = 500  # spans in a batch
ERASE_SECONDS = 5.0  # that an erasure waits to be folded
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Taken:
    """What was taken in of a batch: how many records, and which not, with the reason."""

    accepted: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


class Outcomes:
    """The outcomes of one registry; any thread may use it. Nothing is opened before it is needed."""

    def __init__(self, options: Options) -> None:
        self._store = LazyStore(options)
        self._options = options

    def resume(self) -> None:
        """Fold what waits since before, in the background; without any reports nothing is opened."""
        self._store.resume()

    def close(self) -> None:
        """End the folder's process, and close the connections."""
        self._store.close()

    @property
    def is_there(self) -> bool:
        """Whether there may be calls: where none was ever reported, nothing is opened."""
        return self._store.is_there

    @property
    def is_off(self) -> bool:
        """Whether nothing is taken in, as each of several registries would count a part."""
        return self._store.is_off

    def database(self) -> Database:
        """Return the database of what was folded. Raises Unavailable."""
        return self._store.open().main

    def sample(self, environment: str) -> float:
        """Return the share of calls whose content is asked for."""
        return self._options.sample(environment)

    # Taking in

    def take_calls(self, environment: str, token: str, batch: str, records: Sequence[Any]) -> Taken:
        """Take in calls: durable when this returns.

        Args:
            environment: where.
            token: the id of the token that sent them.
            batch: the batch's id, which counts once.
            records: as clients send them.

        Raises:
            Unavailable: the database does not answer, or too much waits.
        """
        entries = self._store.entries()
        share, arrived, unknown_fields = self.sample(environment), _now(), 0

        def entry(record: Any) -> dict[str, Any]:
            nonlocal unknown_fields
            values = checked(record)
            if values.get("environment", environment) != environment:
                raise Refused(f"environment: this was sent to {environment}")
            unknown_fields += unknown(record)
            return entries.entry(values, share, arrived)

        taken, kept = _each(records, entry)
        left_out = {"unknown_field": unknown_fields, "refused": len(taken.refused)}
        self._store.append(Batch(batch, environment, token, arrived, fold.CALLS, kept, left_out))
        return taken

    def take_signals(self, environment: str, token: str, kind: str, records: Sequence[Any]) -> Taken:
        """Take in feedback or scores: durable when this returns. Raises Unavailable."""
        read = signals.feedback if kind == fold.FEEDBACK else signals.score
        keeps_text = self.sample(environment) > 0

        def entry(record: Any) -> dict[str, Any]:
            made = read(record)
            detail = {name: said for name, said in made["detail"].items() if keeps_text or name != "comment"}
            return {**made, "detail": json.dumps(detail) if detail else None}

        taken, kept = _each(records, entry)
        self._store.append(Batch(str(uuid4()), environment, token, _now(), kind, kept))
        return taken

    def take_resolutions(self, environment: str, token: str, records: Sequence[Any]) -> Taken:
        """Take in conversations that are done: durable when this returns. Raises Unavailable."""

        def entry(record: Any) -> dict[str, Any]:
            digits, ok = signals.resolution(record)
            return {"conversation": self._store.mask("conversation", digits), "ok": ok}

        taken, kept = _each(records, entry)
        self._store.append(Batch(str(uuid4()), environment, token, _now(), fold.RESOLUTIONS, kept))
        return taken

    def read_spans(
        self, signal: str, body: bytes, *, as_json: bool, place: Callable[[str | None], str | None]
    ) -> Read:
        """Read a request of OTLP. Raises Malformed, TooLarge or Unavailable.

        Args:
            signal: `traces` or `logs`.
            body: unpacked.
            as_json: whether it is JSON, or protobuf.
            place: returns the environment of what names one, or none; None where the token may not report.
        """
        return SpanEntries(self._store.key(), self._options.exists).read(
            signal, body, as_json=as_json, place=place
        )

    def take_spans(self, token: str, read: Read) -> None:
        """Take in what was read: durable when this returns. Raises Unavailable."""
        arrived = _now()
        for environment, entries in read.entries.items():
            for first in range(0, len(entries), BITE):
                batch = f"{read.digest}-{environment}-{first}"
                self._store.append(
                    Batch(batch, environment, token, arrived, fold.SPANS, entries[first : first + BITE])
                )

    def erase(self, environment: str, token: str, name: str, value: str) -> Erased:
        """Erase identity and content of a key's or conversation's calls; return what that was.

        Args:
            environment: where.
            token: the id of the token that asks.
            name: `key` or `conversation`.
            value: the key or conversation, or its hash.

        Raises:
            Unavailable: the database does not answer, or it takes longer; then it is done soon.
        """
        column = "subject" if name == "key" else name
        entry = {column: self._store.mask(column, signals.subject({name: value}, name))}
        batch = Batch(str(uuid4()), environment, token, _now(), fold.ERASURES, [entry])
        self._store.append(batch)
        deadline = time.monotonic() + ERASE_SECONDS
        while time.monotonic() < deadline:
            erased = self._store.open().main.read(lambda connection: erasure.done(connection, batch.batch))
            if erased is not None:
                return erased
            time.sleep(POLL_SECONDS)
        raise Unavailable(
            "the erasure is durable, and waits for what was sent before; it will be done. Send it again to "
            "see how many calls it was",
            code="erasure_waits",
        )

    # Reading

    def usage(self, query: usage.Query) -> usage.Page:
        """Return a page of usage. Raises Unavailable."""
        return self._store.open().main.read(lambda connection: usage.read(connection, query))

    def calls(self, query: calls.Query) -> tuple[list[dict[str, Any]], tuple[float, str] | None]:
        """Return a page of calls, and where it ended if there may be more. Raises Unavailable."""
        return self._store.open().main.read(lambda connection: calls.find(connection, query))

    def call(self, environment: str, identifier: str, *, content: bool = False) -> dict[str, Any] | None:
        """Return a call by its id; None: there is none in that environment. Raises Unavailable."""
        return self._store.open().main.read(
            lambda connection: calls.one(connection, environment, identifier, content=content)
        )

    def health(self) -> Health:
        """Return what is worth a look. Raises Unavailable."""
        store = self._store.open()
        inbox = store.databases[0].read(health.waiting)
        return store.main.read(lambda connection: health.read(connection, inbox, _now()))

    def full(self) -> str:
        """Return why no report is taken in; empty: reports are. Raises Unavailable."""
        return self._store.open().inbox.full()

    def conversation_numbers(self, given: str) -> tuple[int, ...]:
        """Return the numbers that a conversation may have: given as itself, its hash, or as shown."""
        digits = signals.subject({"conversation": given}, "conversation")
        shown = (int(given, 16),) if identity.HASH.fullmatch(given) else ()
        return (self._store.mask("conversation", digits), *(number for number in shown if number < 1 << 63))

    def left_out(self) -> list[tuple[str, str, int, int]]:
        """Return what was left out: where, what, how often, when last. Nothing, if nothing ever came in.

        Raises:
            Unavailable: the database does not answer.
        """
        if not self.is_there:
            return []
        query = "select environment, name, n, at from counters"
        return [(*row,) for row in self._store.open().main.read(lambda connection: connection.fetch(query))]


def _each(
    records: Iterable[Any], entry: Callable[[Any], dict[str, Any]]
) -> tuple[Taken, list[dict[str, Any]]]:
    """Return what is taken in of some records, and their entries: none falls with another."""
    taken, kept = Taken(), []
    for index, record in enumerate(records):
        try:
            kept.append(entry(record))
        except Refused as error:
            taken.refused.append({"index": index, "detail": str(error)})
    taken.accepted = len(kept)
    return taken, kept


def _now() -> int:
    return time.time_ns() // 1_000_000
