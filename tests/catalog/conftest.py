"""An author's repository, and a catalog over a mirror of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import PromptRepository

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PromptRepository:
    """A repository with one commit, made at a fixed time."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-03-01T12:00:00+01:00")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-02T12:00:00Z")
    made = PromptRepository(tmp_path / "author")
    made.git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    return made


@pytest.fixture
def mirror(author: PromptRepository, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror that has not looked yet."""
    made = Mirror(tmp_path / "data", str(author.path))
    yield made
    made.close()


@pytest.fixture
def read(mirror: Mirror) -> Callable[[], Catalog]:
    """Looks at the author's repository, and returns a new catalog of what is there."""

    def look_and_read() -> Catalog:
        mirror.sync()
        catalog = Catalog(mirror)
        catalog.adopt()
        return catalog

    return look_and_read
