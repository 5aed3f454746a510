"""A backup is one private file, whole or not at all."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from journal.story import tell

from registry.errors import Unavailable
from registry.journal.local import LocalJournal
from registry.journal.maintenance.backup import backup, restore


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a journal."""
    return tell(tmp_path / "data", "1.0.0")


def test_nobody_decides_where_it_is_written(data: Path, tmp_path: Path) -> None:
    """In a folder that others may write to, a link of theirs is not followed, nor a file of theirs filled."""
    file, theirs = tmp_path / "one.bundle", tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    (tmp_path / f".one.bundle.{os.getpid()}").symlink_to(theirs)
    file.symlink_to(theirs)

    backup(data, file, force=True)

    assert theirs.read_bytes() == b"theirs"
    assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)
    assert restore(tmp_path / "new", file).changes == 2


def test_what_cannot_be_written_leaves_nothing(data: Path, tmp_path: Path) -> None:
    """A folder is in the way."""
    (tmp_path / "folder").mkdir()

    with pytest.raises(Unavailable, match="cannot be written"):
        backup(data, tmp_path / "folder", force=True)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "folder"]


def test_a_remedy_can_be_typed_as_it_is(data: Path, tmp_path: Path) -> None:
    """What is lost is restored by the command that is named, whatever the folder is called."""
    backup(data, tmp_path / "FILE")
    lost = data.rename(tmp_path / "it's lost")
    shutil.rmtree(lost / "journal.git")
    with pytest.raises(Unavailable) as told:
        LocalJournal(lost).head()
    command = re.search(r"\((promptstage journal restore .*?)\)", str(told.value))
    assert command is not None
    *_, file, _, folder = shlex.split(command[1])

    assert (file, folder) == ("FILE", str(lost))
    assert restore(Path(folder), tmp_path / file).changes == 2
    assert LocalJournal(lost).head().change.seq == 1
