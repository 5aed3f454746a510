"""SQLite: a file that the processes of one machine share, in WAL mode, durable at each commit.

Their rules: a local file system, transactions that write begin as such, no connection is carried over a fork,
and reads are short, as a long one keeps the log from shrinking.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from registry.errors import Unavailable
from registry.outcomes.store.database import unavailable
from registry.system import files
from registry.system import work as requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.outcomes.store.database import Connection, Row

T = TypeVar("T")

BUSY_SECONDS = 5.0  # a fold, the longest writer, takes a fifth of a second
STEPS = 20_000  # of SQLite's machine between looks at the request: some milliseconds
WORDS: Mapping[str, str] = {
    "serial": "integer primary key autoincrement",
    "clustered": "without rowid",
    "joined": "group_concat",
    "bytes": "blob",
}
CLOSED = "see that the registry may read and write this file and its folder, and that it is a file"
DAMAGED = (
    "stop the registry, move {file} and what begins with its name out of the data folder, put a backup in "
    "its place if there is one, and start the registry; releases do not need it"
)
HELD = "see that its disk has room, and that no other program holds it"
PRIMARY = 0xFF  # of an extended error code: what kind it is
REMEDIES: Mapping[int, str] = {
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_PERM: CLOSED,
    sqlite3.SQLITE_READONLY: CLOSED,
    sqlite3.SQLITE_CANTOPEN: CLOSED,
}
_KEPT: list[object] = []  # of a process that was forked: closing them here would drop the parent's locks


class SqliteConnection:
    """A transaction of SQLite."""

    words = WORDS

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fetch(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a query."""
        return self._connection.execute(statement, values).fetchall()

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        """Change something; return how many rows."""
        return self._connection.execute(statement, values).rowcount

    def execute_each(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Change something for each row of values."""
        self._connection.executemany(statement, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows that are not there yet."""
        marks = ",".join("?" * len(columns))
        self.execute_each(f"insert into {table} ({','.join(columns)}) values ({marks})", rows)

    def lock(self) -> None:
        """Do nothing: a transaction that writes is alone."""


class SqliteDatabase:
    """One file."""

    def __init__(self, path: Path) -> None:
        """Prepare; nothing is opened yet."""
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._process = os.getpid()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a function that sees one moment of the database; it ends with its request."""
        return self._run("begin", work, _has_ended)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction, durable when this returns."""
        return self._run("begin immediate", work, None)

    def size(self) -> int:
        """Return the bytes that it takes, the log included."""
        both = (self._path, self._path.with_name(f"{self._path.name}-wal"))
        return sum(file.stat().st_size for file in both if file.exists())

    def free(self) -> int | None:
        """Return the bytes that its disk has left."""
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def close(self) -> None:
        """Close the connections that idle."""
        while self._idle:
            self._idle.pop().close()

    def _run(self, begin: str, work: Callable[[Connection], T], has_ended: Callable[[], bool] | None) -> T:
        try:
            connection = self._take()
            connection.set_progress_handler(has_ended, STEPS)
            try:
                connection.execute(begin)
                with connection:  # commits, or rolls back
                    result = work(SqliteConnection(connection))
            finally:
                self._idle.append(connection)
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            requests.check()  # it was the request that ended
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise
            raise self._unavailable(error) from error
        return result

    def _take(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            _KEPT.extend(self._idle)
            self._idle, self._process = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.create_for_sqlite(self._path)
        except OSError as error:
            raise self._unavailable(error) from error
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _unavailable(self, error: OSError | sqlite3.Error) -> Unavailable:
        """Build the error of this file, with what helps."""
        where = f"{self._path.parent.name}/{self._path.name}"
        if isinstance(error, OSError):
            return unavailable(f"{where}: {error.strerror}", CLOSED)
        remedy = REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & PRIMARY, HELD)
        return unavailable(f"{where}: {error}", remedy.format(file=where))


def _has_ended() -> bool:
    try:
        requests.check()
    except Unavailable:
        return True
    return False
