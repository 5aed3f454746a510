"""An index over the journal's changes: a query costs one page, however long the history is.

It is only a view, like Redis: a SQLite file that all processes of a data folder share. It is checked against
the journal's commits, and rebuilt if it differs or is damaged. A full disk costs the file, not the history:
this process then has its index in memory.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from registry.errors import Unavailable
from registry.system import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from registry.journal.change import Change

    Read = Callable[[Sequence[str]], Iterable[Change]]

T = TypeVar("T")

FILE = "journal-index.1.sqlite"  # the number is the tables' version: each version has its own file
BUSY_SECONDS = 5.0  # another process takes a hundredth of this for a batch
BATCH = 200  # changes in one transaction: some 20 ms
MEMORY = ":memory:"

# `is_floor`: no later change has this time or an earlier one. `is_peak`: no earlier change has this time or a
# later one. Each set is ordered by time, even if clocks were set back, so one step finds the newest change
# until a time, and the oldest since one.
_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY, commit_id TEXT NOT NULL, at INTEGER NOT NULL,
    environment TEXT, prompt TEXT, actor TEXT NOT NULL,
    is_floor INTEGER NOT NULL, is_peak INTEGER NOT NULL, shown TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS of_environment ON changes (environment, seq);
CREATE INDEX IF NOT EXISTS of_prompt ON changes (environment, prompt, seq);
CREATE INDEX IF NOT EXISTS of_actor ON changes (environment, actor, seq);
CREATE INDEX IF NOT EXISTS floors ON changes (at) WHERE is_floor;
CREATE INDEX IF NOT EXISTS peaks ON changes (at) WHERE is_peak;
COMMIT;
"""
_NEWEST = "SELECT max(seq) FROM changes"
_LATEST = "SELECT max(at) FROM changes WHERE is_peak"
_UNTIL = "SELECT seq FROM changes WHERE is_floor AND at <= ? ORDER BY at DESC LIMIT 1"
_SINCE = "SELECT seq FROM changes WHERE is_peak AND at >= ? ORDER BY at LIMIT 1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query for changes of an environment, newest first.

    Attributes:
        prompt, actor: only theirs, if given.
        since, until: only of this span of time, both ends included.
        before: only below this seq.
        limit: the most changes to return.
    """

    environment: str
    prompt: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the index; `shown` is the API's form of the change."""

    seq: int
    commit: str
    shown: dict[str, Any]


class HistoryIndex:
    """The index of one data folder; any thread may use it."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is opened yet."""
        self._file = folder / FILE
        self._place = str(self._file)
        self._using = Lock()
        self._opened: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection."""
        with self._using:
            self._disconnect()

    def add(self, commits: Sequence[str], read: Read) -> int:
        """Add a batch of missing changes; return how many changes the index has.

        Args:
            commits: the journal's, by seq.
            read: returns the changes of some commits.

        Raises:
            Unavailable: the journal cannot be read, or another process keeps writing (`busy`).
        """
        return self._use(lambda connection: _add(connection, commits, read))

    def find(self, query: Query, count: int) -> list[Row]:
        """Return the changes that match a query, newest first.

        Args:
            query: the conditions.
            count: how many changes the journal has, all of which must be indexed; further rows, of a process
                that followed further or from before the journal was rolled back, are ignored.

        Raises:
            Unavailable: they are no longer indexed, or another process keeps writing (`busy`).
        """
        return self._use(lambda connection: _find(connection, query, count))

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._using:
            while True:
                try:
                    return work(self._connect())
                except (sqlite3.Error, OSError) as error:
                    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                        raise _unavailable("another process writes it") from error
                    self._start_over(error)
                finally:
                    if self._place != MEMORY:  # an open file would prevent remounting the disk read-only
                        self._disconnect()

    def _connect(self) -> sqlite3.Connection:
        if self._opened is None:
            if self._place != MEMORY:
                if self._file.is_symlink():  # planted: nothing is written elsewhere
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(self._file))
                files.create_for_sqlite(self._file)
            self._opened = sqlite3.connect(
                self._place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # A power cut leaves it consistent; missing changes are read from the journal again.
            self._opened.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_TABLES}")
        return self._opened

    def _start_over(self, error: Exception) -> None:
        """Remove a damaged file, and continue in memory, where no disk can fail."""
        self._disconnect()
        if self._place == MEMORY:
            raise error
        self._place = MEMORY
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._file.with_name(FILE + end).unlink()

    def _disconnect(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _add(connection: sqlite3.Connection, commits: Sequence[str], read: Read) -> int:
    with _transaction(connection):
        first = _fitting(connection, commits)
        missing = commits[first : first + BATCH]
        if not missing:
            return first
        (latest,) = connection.execute(_LATEST).fetchone()
        for commit, change in zip(missing, read(missing), strict=True):
            moment, state = _number(change.at), change.state
            place = (state.environment, state.prompt) if state else (None, None)
            shown = json.dumps(change.to_json(commit))
            is_peak = latest is None or moment > latest
            latest = moment if is_peak else latest
            connection.execute("UPDATE changes SET is_floor = 0 WHERE is_floor AND at >= ?", (moment,))
            connection.execute(
                "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)",
                (change.seq, commit, moment, *place, change.actor, is_peak, shown),
            )
        return first + len(missing)


def _fitting(connection: sqlite3.Connection, commits: Sequence[str]) -> int:
    """Count the indexed changes; remove those of another journal, or of one that was rolled back."""
    (newest,) = connection.execute(_NEWEST).fetchone()
    if newest is None:
        return 0
    last = min(newest, len(commits) - 1)  # another process may have read the journal further
    if connection.execute(
        "SELECT 1 FROM changes WHERE seq = ? AND commit_id = ?", (last, commits[last])
    ).fetchone():
        return int(newest) + 1
    connection.execute("DELETE FROM changes")
    return 0


def _find(connection: sqlite3.Connection, query: Query, count: int) -> list[Row]:
    (newest,) = connection.execute(_NEWEST).fetchone()
    if count > (0 if newest is None else newest + 1):
        raise _unavailable("it is built again")
    below = count if query.before is None else min(count, query.before)
    terms: dict[str, str | int] = {"environment = ?": query.environment, "seq < ?": below}
    if query.prompt is not None:
        terms["prompt = ?"] = query.prompt
    if query.actor is not None:
        terms["actor = ?"] = query.actor
    for moment, edge, near, exact in (
        (query.until, _UNTIL, "seq <= ?", "at <= ?"),
        (query.since, _SINCE, "seq >= ?", "at >= ?"),
    ):
        if moment is not None:
            found = connection.execute(edge, (_number(moment),)).fetchone()
            if found is None:
                return []
            terms |= {near: found[0], exact: _number(moment)}
    rows = connection.execute(
        f"SELECT seq, commit_id, shown FROM changes WHERE {' AND '.join(terms)} "  # noqa: S608 - words of ours
        "ORDER BY seq DESC LIMIT ?",
        (*terms.values(), query.limit),
    )
    return [Row(seq, commit, json.loads(shown)) for seq, commit, shown in rows]


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _number(moment: datetime) -> int:
    """Return a time as a whole number of microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _unavailable(why: str) -> Unavailable:
    return Unavailable(f"the index of the history is not ready: {why}; try again", code="busy")
