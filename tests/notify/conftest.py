"""The database of outcomes, in each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from outcomes.conftest import postgres, url

from registry.outcomes.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.outcomes.store.database import Database

__all__ = ["database", "postgres", "url"]  # fixtures of the tests of outcomes serve here, too


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    """A new one."""
    store = open_store(url, tmp_path)
    yield store.main
    store.close()
