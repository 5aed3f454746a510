"""The port of a database, and its schema: numbered files, applied once, under the lock of writers."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from registry.errors import Unavailable
from registry.system import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Row = tuple[Any, ...]

T = TypeVar("T")

CODE = "outcomes_unavailable"
REMEDY = "see that it runs and its disk has room"
_FILE = re.compile(r"(?P<part>\w+)-(?P<number>\d+)\.sql")


class Connection(Protocol):
    """A transaction under way. Statements are written with `?` for each value.

    Attributes:
        words: what the engine calls the few things that have no common name.
    """

    words: Mapping[str, str]

    def fetch(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a query."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        """Change something; return how many rows."""

    def execute_each(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Change something for each row of values."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows that are not there yet, the quickest way that the engine has."""

    def lock(self) -> None:
        """Let no other process change the schema until this transaction ends."""


class Database(Protocol):
    """A database; any thread may use it, each transaction with a connection of its own."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a function that sees one moment of the database. Raises Unavailable."""

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction, durable when this returns. Raises Unavailable.

        It may run twice, if a connection that idled turns out to be broken.
        """

    def size(self) -> int:
        """Return the bytes that it takes. Raises Unavailable."""

    def free(self) -> int | None:
        """Return the bytes that its disk has left; None: that cannot be seen from here."""

    def close(self) -> None:
        """Close the connections that idle."""


def unavailable(said: str, remedy: str = REMEDY) -> Unavailable:
    """Build the error of a database that does not answer; neither text has a value or an address."""
    return Unavailable(f"the database of outcomes does not answer: {said}; {remedy}", code=CODE)


def migrate(database: Database, part: str) -> None:
    """Bring a part of the schema up to date. Raises Unavailable (`newer_format`: a newer registry's)."""
    steps = _steps(part)
    database.write(lambda connection: _apply(connection, part, steps))


def _apply(connection: Connection, part: str, steps: Sequence[str]) -> None:
    connection.lock()
    connection.execute("create table if not exists meta (name text primary key, value text not null)")
    name = f"schema of {part}"
    found = connection.fetch("select value from meta where name = ?", (name,))
    done = int(found[0][0]) if found else 0
    if done:
        formats.check(done, f"the {part} of the database of outcomes", len(steps))
    for step in steps[done:]:
        for statement in statements(step, connection.words):
            connection.execute(statement)
    if done < len(steps):
        set_meta(connection, name, str(len(steps)))


def get_meta(connection: Connection, name: str) -> str | None:
    """Return a value that the database keeps about itself."""
    found = connection.fetch("select value from meta where name = ?", (name,))
    return str(found[0][0]) if found else None


def set_meta(connection: Connection, name: str, value: str) -> None:
    """Keep a value about the database."""
    connection.execute(
        "insert into meta (name, value) values (?, ?) "
        "on conflict (name) do update set value = excluded.value",
        (name, value),
    )


@cache
def _steps(part: str) -> tuple[str, ...]:
    """Return the migrations of a part of the schema, in order."""
    folder = files("registry.outcomes.store") / "schema"
    found = {file.name: file for file in folder.iterdir() if _FILE.fullmatch(file.name)}
    return tuple(found[name].read_text() for name in sorted(found) if name.startswith(f"{part}-"))


def statements(step: str, words: Mapping[str, str]) -> list[str]:
    """Return the statements of a script, in the engine's own words."""
    plain = re.sub(r"--.*", "", step).format_map(words)
    return [statement for part in plain.split(";") if (statement := part.strip())]
