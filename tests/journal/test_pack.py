"""A packed journal holds what it held, for who reads and writes it already, too."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from journal.story import begin, content, promote

from registry.errors import Unavailable
from registry.journal import directory, fast_import
from registry.journal.local import LocalJournal
from registry.journal.maintenance import pack as packing
from registry.journal.maintenance.pack import pack
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = [f"1.{number}.0" for number in range(12)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose changes have files of their own."""
    begin(tmp_path / "data")
    for version in VERSIONS:
        promote(tmp_path / "data", version)
    return tmp_path / "data"


def loose(data: Path) -> int:
    """The objects that have a file of their own."""
    counted = subprocess.check_output(["git", "-C", str(data / "journal.git"), "count-objects"])
    return int(counted.split()[0])


def test_everything_is_packed_and_there(data: Path) -> None:
    """It takes a fraction of the room, and who had it open before reads and writes on."""
    with closing(LocalJournal(data)) as journal:
        known = journal.head()
        before, after = pack(data)
        one_more = promote(data, "2.0.0")

        assert loose(data) > 0
        assert before > 2 * after
        assert journal.entry(known.commit) == known
        assert [journal.staged("summarize", version) for version in VERSIONS] == list(map(content, VERSIONS))
        assert journal.since(known.commit) == [one_more]
    assert verify(data).problems == ()


def test_packed_twice(data: Path) -> None:
    """Only what is new since is packed, and nothing is too little."""
    pack(data)
    promote(data, "2.0.0")
    pack(data)
    pack(data)

    assert loose(data) == 0
    assert verify(data).problems == ()


def test_folders_that_go_meanwhile(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing empties folders of objects; who makes names durable just then is not disturbed."""
    folders = fast_import.Folders(data / "journal.git")
    there = list(folders._all())
    pack(data)
    monkeypatch.setattr(folders, "_all", lambda: iter(there))

    assert not all(path.exists() for path in there)
    folders.sync()


def test_nobody_writes_meanwhile(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else has the right to write, nothing is packed."""
    monkeypatch.setattr(directory, "LOCK_SECONDS", 0.1)
    with (
        closing(LocalJournal(data)) as journal,
        journal.lock(),
        pytest.raises(Unavailable, match="another process holds"),
    ):
        pack(data)

    assert loose(data) > 0


def test_what_died_half_way_is_whole(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack is there, and the files that it replaces are too: the next time they go."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(packing, "sync_folder", die)
        with pytest.raises(KeyboardInterrupt):
            pack(data)
    assert (loose(data) > 0, verify(data).problems) == (True, ())
    pack(data)

    assert (loose(data), verify(data).problems) == (0, ())
