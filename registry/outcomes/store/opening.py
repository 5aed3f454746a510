"""Open the database of outcomes: SQLite files in the data folder, or a database of a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import Invalid
from registry.outcomes.store.database import get_meta, migrate, set_meta
from registry.outcomes.store.inbox import Inbox
from registry.outcomes.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from pathlib import Path

    from registry.outcomes.store.database import Connection, Database

FOLDER = "outcomes"  # in the data folder
PARTS = ("inbox", "main")


@dataclass(frozen=True, slots=True)
class Store:
    """An open database: the inbox, and all else; on PostgreSQL both are one."""

    inbox: Inbox
    main: Database
    databases: tuple[Database, ...]

    def close(self) -> None:
        """Close the connections."""
        for database in self.databases:
            database.close()

    def secret(self, name: str, made: str) -> str:
        """Return a secret that all registries share, or keep this one as it."""

        def keep(connection: Connection) -> str:
            connection.lock()
            found = get_meta(connection, name)
            if found is None:
                set_meta(connection, name, made)
            return found or made

        return self.main.write(keep)


def is_there(data: Path) -> bool:
    """Return whether anything was ever taken in to SQLite files of a data folder."""
    return (data / FOLDER).exists()


def open_store(url: str, data: Path) -> Store:
    """Open the database, and bring its schema up to date.

    Args:
        url: of PostgreSQL; empty: SQLite.
        data: the data folder.

    Raises:
        Unavailable: it does not answer, or is a newer registry's (`newer_format`).
        Invalid: psycopg is not installed.
    """
    databases = _postgres(url) if url else _sqlite(data)
    inbox, main = databases
    try:
        for database, part in zip(databases, PARTS, strict=True):
            migrate(database, part)
    except BaseException:
        for database in databases:
            database.close()
        raise
    return Store(Inbox(inbox), main, databases)


def _sqlite(data: Path) -> tuple[Database, ...]:
    return tuple(SqliteDatabase(data / FOLDER / f"{part}.sqlite") for part in PARTS)


def _postgres(url: str) -> tuple[Database, ...]:
    try:
        from registry.outcomes.store.postgres import PostgresDatabase  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise Invalid(
            "PROMPTSTAGE_DATABASE_URL needs psycopg: install promptstage-registry[postgres]",
            code="no_psycopg",
        ) from error
    database = PostgresDatabase(url)
    return (database, database)
