"""A store that a newer registry wrote is refused by name, and left as it is."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from journal.story import begin, promote

from registry.catalog.mirror.mirror import Mirror
from registry.control import lost_token
from registry.errors import Unavailable
from registry.journal.change import parse
from registry.journal.directory import MARKER
from registry.journal.local import LocalJournal
from registry.journal.maintenance import backup, pack, survey
from registry.journal.maintenance.verify import newest, verify
from registry.system.formats import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEWER = NEWEST + 1


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but the locks."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".lock", ".turn"})
    return {str(path): path.read_bytes() for path in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder whose journal says that it is of a newer format."""
    data = tmp_path / "data"
    begin(data)
    promote(data, "1.0.0")
    marker = data / MARKER
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"format": NEWER}))
    return data


USES: dict[str, Callable[[Path], Any]] = {
    "head": lambda folder: LocalJournal(folder).head(),
    "load": lambda folder: LocalJournal(folder).load(),
    "verify": verify,
    "newest": newest,
    "pack": pack.pack,
    "backup": lambda folder: backup.backup(folder, folder.parent / "one.bundle"),
    "recover": lambda folder: survey.scan(folder, survey.Seen()),
    "token": lambda folder: lost_token.recover(LocalJournal(folder), folder / "admin.token"),
}


@pytest.mark.parametrize("use", USES)
def test_a_newer_journal_is_left_alone(folder: Path, use: str) -> None:
    """Whatever is asked of it: the answer names both formats, and nothing is written."""
    before = files(folder.parent)
    with pytest.raises(
        Unavailable, match=rf"format {NEWER}, .* knows up to {NEWEST}.* Install the version that wrote it"
    ) as told:
        USES[use](folder)

    assert told.value.code == "newer_format"
    assert files(folder.parent) == before


def test_a_newer_mirror_is_left_alone(tmp_path: Path) -> None:
    """Its pins are not read, and nothing is fetched into it."""
    mirror = Mirror(tmp_path, "/nowhere")
    (tmp_path / "mirror.git").mkdir()
    (tmp_path / "mirror.git/promptstage.json").write_text('{"format": 2}')
    for use in (mirror.check_format, mirror.sync):
        with pytest.raises(Unavailable, match=r"the mirror in .* has format 2"):
            use()

    assert {path.name for path in (tmp_path / "mirror.git").iterdir()} <= {"promptstage.json", "look.lock"}


@pytest.mark.parametrize("number", [NEWER, str(NEWER), 1.5, None, True, 0])
def test_a_record_of_another_format_is_refused(number: object) -> None:
    """Also one that could not be read otherwise; one without a number is of the first format."""
    with pytest.raises(Unavailable, match="the journal has format"):
        parse(json.dumps({"format": number, "unheard of": 1}).encode())


def test_a_journal_that_goes_on_in_a_newer_format_is_no_damage(tmp_path: Path) -> None:
    """A copy, a mirror and a backup carry the number in their newest change."""
    begin(tmp_path / "data")
    promote(tmp_path / "data", "1.0.0")
    _upgrade(tmp_path / "data" / "journal.git")
    for use in ("head", "load", "verify", "recover"):
        with pytest.raises(Unavailable, match=f"the journal has format {NEWER}"):
            USES[use](tmp_path / "data")
    backup.backup(tmp_path / "data", tmp_path / "one.bundle")
    with pytest.raises(Unavailable, match=f"the journal has format {NEWER}"):
        backup.restore(tmp_path / "new", tmp_path / "one.bundle")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["journal.lock"]


def _upgrade(repository: Path) -> None:
    """Add a change as a newer registry may write it."""

    def git(*args: str, data: bytes = b"") -> str:
        command = ["git", f"--git-dir={repository}", *args]
        return subprocess.run(command, input=data, check=True, capture_output=True).stdout.decode().strip()

    record = json.dumps({"format": NEWER, "seq": 99}).encode()
    head = git("rev-parse", "main")
    stream = b"commit refs/heads/main\ncommitter N <n@x> 1795600000 +0000\ndata 0\nfrom %s\n" % head.encode()
    stream += b"M 100644 inline change.json\ndata %d\n%s\n" % (len(record), record)
    git("fast-import", "--quiet", data=stream)
