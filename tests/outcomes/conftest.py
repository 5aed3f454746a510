"""A store in each engine, and what is reported to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import postgres_server
import pytest
from outcomes_in import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Postgres]:
    """A PostgreSQL server, if this machine has one."""
    if not postgres_server.is_there():
        pytest.skip("needs Debian's package postgresql")
    server = postgres_server.Postgres()
    yield server
    server.close()


@pytest.fixture
def mortal() -> Iterator[postgres_server.Postgres]:
    """A server that the test may kill; that of the others would take long to recover."""
    if not postgres_server.is_there():
        pytest.skip("needs Debian's package postgresql")
    server = postgres_server.Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the outcomes are: each engine passes the same tests."""
    if request.param == "sqlite":
        return ""
    return request.getfixturevalue("postgres").new_database()  # type: ignore[no-any-return]


@pytest.fixture
def desk(tmp_path: Path, url: str) -> Iterator[Desk]:
    """Outcomes whose folder is worked by hand."""
    desk = Desk(tmp_path, url)
    yield desk
    desk.close()
