"""The inbox: a row for each batch that was acknowledged and is not folded yet.

SQLite has it in a file of its own, so that no append waits for a fold.
"""

from __future__ import annotations

import json
import logging
import time
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.store.database import Connection, Database

MAX_ROWS = 20_000  # that wait: some 4 million calls, which take a folder two minutes
MAX_BYTES = 1 << 30  # of all that waits, as batches with content are long
MIN_FREE = 256 << 20  # bytes of the disk: what waits must still be folded
LOOK_SECONDS = 1.0  # between looks at these two, which take some milliseconds
BATCHES = 50  # that are folded in one transaction
LEVEL = 1  # of zlib: higher ones take three times as long for a tenth
FULL = "inbox_full"
COLUMNS = "batch, environment, token, arrived, kind, body"
logger = logging.getLogger(__name__)
LATER = "send this again later, and see in the registry's log why they are not"
MANY = f"{MAX_ROWS} batches wait to be folded; {LATER}"


class Batch(NamedTuple):
    """What came in one request.

    Attributes:
        batch: its id, which counts once.
        token: the id of the token that sent it.
        arrived: when, in milliseconds since 1970.
        kind: of its entries: which function folds them.
        entries: JSON objects.
        left_out: what was not taken in, and how often, by what it was.
    """

    batch: str
    environment: str
    token: str
    arrived: int
    kind: str
    entries: Sequence[Mapping[str, Any]]
    left_out: Mapping[str, int] = {}


class Inbox:
    """The batches that wait; any thread and process may append."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked = -LOOK_SECONDS
        self._full = ""

    def append(self, batch: Batch) -> None:
        """Keep a batch, durably when this returns; one that waits already stays as it is.

        Raises:
            Unavailable: the database does not answer, or too much waits (`inbox_full`).
        """
        if full := self._short():
            raise Unavailable(full, code=FULL)
        body = zlib.compress(_encode(batch), LEVEL)
        row = (*batch[:5], body)

        def insert(connection: Connection) -> int:
            depth = _depth(connection)
            if depth < MAX_ROWS:
                connection.execute(
                    f"insert into inbox ({COLUMNS}) values (?, ?, ?, ?, ?, ?) on conflict (batch) do nothing",
                    row,
                )
            return depth

        if self._database.write(insert) >= MAX_ROWS:
            raise Unavailable(MANY, code=FULL)

    def full(self) -> str:
        """Return why nothing more is taken in; empty: it is. Raises Unavailable."""
        return self._short() or (MANY if self.depth() >= MAX_ROWS else "")

    def _short(self) -> str:
        """Return what there is no room for, if so; it is looked at now and then."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            free, size = self._database.free(), self._database.read(_size)
            self._full = ""
            if free is not None and free < MIN_FREE:
                self._full = f"the disk has {free >> 20} MiB left, and {MIN_FREE >> 20} are needed; make room"
            elif size > MAX_BYTES:
                self._full = f"{size >> 20} MiB wait to be folded; {LATER}"
        return self._full

    def depth(self) -> int:
        """Return how many batches wait, at most."""
        return self._database.read(_depth)

    def take(self) -> list[tuple[int, Batch]]:
        """Return the oldest batches, with their numbers, without removing them."""
        rows = self._database.read(
            lambda connection: connection.fetch(
                f"select seq, {COLUMNS} from inbox order by seq limit ?", (BATCHES,)
            )
        )
        return [(row[0], _decode(row)) for row in rows]

    def set_aside(self, number: int) -> None:
        """Keep a batch that cannot be folded, out of the way of the others."""

        def move(connection: Connection) -> None:
            connection.execute(
                f"insert into aside ({COLUMNS}) select {COLUMNS} from inbox where seq = ? "
                "on conflict (batch) do nothing",
                (number,),
            )
            connection.execute("delete from inbox where seq = ?", (number,))

        self._database.write(move)

    def retry(self, oldest: int) -> None:
        """Let batches that were set aside be folded again; forget those whose calls are too old by now.

        Args:
            oldest: the first time that calls are kept of, in milliseconds since 1970.
        """

        def move(connection: Connection) -> tuple[int, int]:
            old = connection.execute("delete from aside where arrived < ?", (oldest,))
            tried = connection.execute(
                f"insert into inbox ({COLUMNS}) select {COLUMNS} from aside where true "
                "on conflict (batch) do nothing"
            )
            connection.execute("delete from aside")
            return tried, old

        tried, old = self._database.write(move)
        if tried:
            logger.info("%d batches that were set aside are tried again", tried)
        if old:
            logger.warning("%d batches that were set aside are older than calls are kept: forgotten", old)

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove batches that were folded."""
        self._database.write(
            lambda connection: connection.execute(
                f"delete from inbox where seq in ({','.join('?' * len(numbers))})",
                numbers,
            )
        )


def _depth(connection: Connection) -> int:
    """Return how many wait, at most: from the first number to the last, which costs two look-ups."""
    ((first, last),) = connection.fetch("select min(seq), max(seq) from inbox")
    return 0 if first is None else last - first + 1


def _size(connection: Connection) -> int:
    tables = ("inbox", "aside")
    found = (connection.fetch(f"select coalesce(sum(length(body)), 0) from {table}") for table in tables)
    return sum(int(size) for ((size,),) in found)


def _encode(batch: Batch) -> bytes:
    content = {"entries": batch.entries, "left_out": batch.left_out}
    return json.dumps(content, separators=(",", ":")).encode()


def _decode(row: Sequence[Any]) -> Batch:
    _, batch, environment, token, arrived, kind, body = row
    content = json.loads(zlib.decompress(body))
    return Batch(batch, environment, token, arrived, kind, content["entries"], content["left_out"])
