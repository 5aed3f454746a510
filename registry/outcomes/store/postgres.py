"""PostgreSQL by psycopg 3, for registries on several machines; also services that speak its protocol."""

from __future__ import annotations

import math
import os
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from registry.outcomes.store.database import unavailable
from registry.system import work as requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.outcomes.store.database import Connection, Row

T = TypeVar("T")

CONNECT_SECONDS = 3  # a server that takes longer is down, as callers see it
READ_SECONDS = 5.0  # callers have given up by then
WRITE_SECONDS = 60.0  # for a lock, too; a fold takes half a second. What a request writes has its time alone
NETWORK_SECONDS = 0.5  # that an answer may take beyond that, as the server itself ends a statement in time
SCHEMA_LOCK = 7_076_823  # any number that nobody else takes
WORDS: Mapping[str, str] = {
    "serial": "bigint generated always as identity primary key",
    "clustered": "",
    "joined": "string_agg",
    "bytes": "bytea",
}
# A table that was dropped, or a server that came back, between two statements: it succeeds the second time.
PASSING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
)
_KEPT: list[object] = []  # of a process that was forked: closing them here would end the parent's sessions


class _Session(psycopg.Connection[Any]):
    """A session that waits for no answer beyond a moment: a server that is cut off or frozen never says no.

    Attributes:
        until: that moment, of the monotonic clock.
    """

    until = math.inf

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server. Raises OperationalError."""
        left = max(0.0, self.until - time.monotonic()) if timeout is None else timeout
        try:
            return super().wait(gen, interval, None if left == math.inf else left)
        except psycopg.OperationalError:
            if time.monotonic() >= self.until:
                self.pgconn.finish()  # its answer may still come, and is of no use to the next one
            raise


class PostgresConnection:
    """A transaction of PostgreSQL."""

    words = WORDS

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def fetch(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a query."""
        return self._cursor.execute(_own(statement), values).fetchall()

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        """Change something; return how many rows."""
        return self._cursor.execute(_own(statement), values).rowcount

    def execute_each(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Change something for each row of values."""
        self._cursor.executemany(_own(statement), rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows that are not there yet: COPY takes less than half of what inserts take."""
        with self._cursor.copy(f"copy {table} ({','.join(columns)}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)

    def lock(self) -> None:
        """Let no other process change the schema until this transaction ends."""
        self._cursor.execute("select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))


class PostgresDatabase:
    """One database of a server."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is connected yet."""
        self._url = url
        self._idle: list[_Session] = []
        self._process = os.getpid()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a function that sees one moment of the database."""
        return self._try(work, READ_SECONDS, "set transaction isolation level repeatable read read only")

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction, durable when this returns."""
        return self._try(work, WRITE_SECONDS, "set transaction isolation level read committed")

    def size(self) -> int:
        """Return the bytes that it takes."""
        return int(self.read(lambda c: c.fetch("select pg_database_size(current_database())"))[0][0])

    def free(self) -> int | None:
        """Return None: the disk is another machine's."""
        return None

    def close(self) -> None:
        """Close the connections that idle."""
        while self._idle:
            self._idle.pop().close()

    def _try(self, work: Callable[[Connection], T], most: float, mode: str) -> T:
        """Run it once more where the first time failed for a reason that has passed."""
        left = request.left if (request := requests.current.get()) else None
        until = time.monotonic() + (most if left is None else min(most, left))
        try:
            idled = bool(self._idle)
            try:
                return self._run(work, until, mode)
            except psycopg.Error as error:
                broken = idled and isinstance(error, psycopg.OperationalError)
                if time.monotonic() >= until or (not broken and not isinstance(error, PASSING)):
                    raise
                self.close()
                return self._run(work, until, mode)
        except (psycopg.OperationalError, psycopg.InternalError) as error:
            requests.check()  # it was the request that ended
            raise unavailable(_said(error)) from error

    def _run(self, work: Callable[[Connection], T], until: float, mode: str) -> T:
        connection = self._take(until)
        connection.until = until + NETWORK_SECONDS
        milliseconds = max(1, int((until - time.monotonic()) * 1000))  # 0 would be no bound
        try:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(mode)
                cursor.execute(f"set local statement_timeout = {milliseconds}")
                return work(PostgresConnection(cursor))
        finally:
            if connection.closed:
                connection.close()  # it is broken, and its socket is to be let go of
            else:
                self._idle.append(connection)

    def _take(self, until: float) -> _Session:
        if self._process != os.getpid():  # of a process that was forked: the parent's, not to be used here
            _KEPT.extend(self._idle)
            self._idle, self._process = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            seconds = min(CONNECT_SECONDS, max(1, math.ceil(until - time.monotonic())))
            return _Session.connect(self._url, autocommit=True, connect_timeout=seconds)


@lru_cache(maxsize=512)
def _own(statement: str) -> Any:
    return re.sub(r"\?", "%s", statement)


def _said(error: psycopg.Error) -> str:
    """Return what went wrong; what is before it has the server's address."""
    return str(error).strip().partition("\n")[0].rpartition(" failed: ")[2]
