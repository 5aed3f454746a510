"""Names that survive a power cut: every folder that changed is synced, and few others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from registry.journal.fast_import import Folders

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_795_600_000_123_456_789  # nanoseconds, of a file system that counts them
MS = 1_000_000


class Story:
    """A repository of three folders of objects, whose times are set, and what is synced of it."""

    def __init__(self, repository: Path, synced: list[str]) -> None:
        self._repository = repository
        self._synced = synced
        self._folders = Folders(repository)
        for folder in ("objects/aa", "objects/bb", "objects/cc", "refs/heads"):
            (repository / folder).mkdir(parents=True)

    def sync(self, **changed: int) -> set[str]:
        """Let folders have changed, each at so many milliseconds, and say which are synced."""
        for name, at in changed.items():
            path = self._repository / {"heads": "refs/heads", "objects": "objects"}.get(
                name, f"objects/{name}"
            )
            os.utime(path, ns=(NOW, NOW + at * MS))
        self._synced.clear()
        self._folders.sync()
        return set(self._synced)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """One in which all was quiet for a second."""
    synced: list[str] = []
    monkeypatch.setattr("registry.journal.fast_import.sync_folder", lambda path: synced.append(path.name))
    told = Story(tmp_path, synced)
    told.sync(aa=0, bb=0, cc=0, objects=0, heads=1000)
    return told


def test_only_what_changed_is_synced(story: Story) -> None:
    """And the branch's folder, which every change changes."""
    assert story.sync(aa=2000, heads=2000) == {"aa", "heads"}


def test_what_changed_with_the_branch_is_synced_once_more(story: Story) -> None:
    """A second change within the same tick would have the same time; then it is done."""
    story.sync(aa=1999, heads=2000)

    assert story.sync(bb=2100, heads=2101) == {"aa", "bb", "heads"}
    assert story.sync(heads=2200) == {"bb", "heads"}
    assert story.sync(heads=2300) == {"heads"}


def test_a_clock_that_is_set_back_hides_nothing(story: Story) -> None:
    """What changed has another time, earlier or not; what is of the future is never taken for synced."""
    story.sync(aa=5000, heads=5000)

    assert story.sync(bb=1500, heads=1500) >= {"aa", "bb", "heads"}
    assert story.sync(bb=1600, heads=1600) >= {"aa", "bb", "heads"}


def test_whole_seconds_are_a_long_tick(story: Story, tmp_path: Path) -> None:
    """Where a file system knows nothing finer, two seconds may look like one."""
    whole = NOW // 1_000_000_000 * 1_000_000_000
    for folder, at in {"objects/aa": 3, "refs/heads": 4}.items():
        os.utime(tmp_path / folder, ns=(NOW, whole + at * 1_000_000_000))
    story.sync()

    assert "aa" in story.sync()


def test_what_could_not_be_synced_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails once is no reason to believe it."""
    synced: list[str] = []
    told = Story(tmp_path, synced)

    def fail(_: Path) -> None:
        raise OSError("no disk")

    monkeypatch.setattr("registry.journal.fast_import.sync_folder", fail)
    with pytest.raises(OSError, match="no disk"):
        told.sync(aa=0, bb=0, cc=0, objects=0, heads=1000)
    monkeypatch.setattr("registry.journal.fast_import.sync_folder", lambda path: synced.append(path.name))

    assert told.sync() == {"aa", "bb", "cc", "objects", "heads"}
