"""The database of outcomes, in each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import postgres_server
import pytest

from registry.outcomes.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.outcomes.store.database import Database


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Postgres]:
    """A PostgreSQL server, if this machine has one."""
    if not postgres_server.is_there():
        pytest.skip("needs Debian's package postgresql")
    server = postgres_server.Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new one."""
    is_sqlite = request.param == "sqlite"
    url = "" if is_sqlite else request.getfixturevalue("postgres").new_database()
    store = open_store(url, tmp_path)
    yield store.main
    store.close()
