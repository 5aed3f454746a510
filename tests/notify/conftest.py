"""The database of outcomes, and a journal of changes that are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.outcomes.store.database import migrate
from registry.outcomes.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """A new one."""
    made = SqliteDatabase(tmp_path / "main.sqlite")
    migrate(made, "main")
    yield made
    made.close()
