"""A journal stays in its format until it is upgraded, by one change that every copy carries."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from journal.story import EPOCH, content, promote, promoted, states, tell

from registry.errors import Unavailable
from registry.git.remote import Credentials
from registry.journal.directory import MARKER
from registry.journal.local import LocalJournal
from registry.journal.maintenance import backup
from registry.journal.maintenance.recover import recover
from registry.journal.maintenance.survey import Seen, scan
from registry.journal.maintenance.upgrade import upgrade
from registry.journal.maintenance.verify import verify
from registry.journal.remote import RemoteJournal
from registry.rollouts.position import Position
from registry.system import formats

if TYPE_CHECKING:
    from pathlib import Path

AHEAD = 2**33  # an epoch of the year 2242


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose journal has the first format, as an older registry makes it."""
    with monkeypatch.context() as older:
        older.setattr(formats, "NEWEST", formats.FIRST)
        return tell(tmp_path / "data", "1.0.0")


def number(folder: Path) -> tuple[int, int]:
    """The format by the newest change, and by the marker."""
    with closing(LocalJournal(folder)) as journal:
        return journal.head().change.format, int(json.loads((folder / MARKER).read_bytes())["format"])


def run(folder: Path) -> int | None:
    """Upgrade; the number of the change that this took."""
    with closing(LocalJournal(folder)) as journal:
        done = upgrade(journal, folder)
    return done.change.seq if done else None


def test_one_change_and_only_one(old: Path) -> None:
    """What was written before stays as it is, and what comes after is in the new format."""
    assert number(old) == (1, 1)
    assert (run(old), run(old)) == (2, None)
    assert number(old) == (formats.NEWEST, formats.NEWEST)
    with closing(LocalJournal(old)) as journal:
        change = journal.head().change
    assert (change.op, change.actor, change.before, change.after) == (
        "upgrade",
        "operator",
        1,
        formats.NEWEST,
    )
    promote(old, "1.1.0", previous=1)

    assert number(old)[0] == formats.NEWEST
    assert (states(old), verify(old).problems) == ({"summarize": "1.1.0"}, ())


def test_a_new_journal_has_the_newest_format(tmp_path: Path) -> None:
    """There is nothing to upgrade."""
    tell(tmp_path / "data", "1.0.0")

    assert number(tmp_path / "data") == (formats.NEWEST, formats.NEWEST)
    assert run(tmp_path / "data") is None


def test_an_upgrade_that_was_cut_off(old: Path) -> None:
    """The change is there and the marker is not: the next one writes it."""
    run(old)
    (old / MARKER).write_text(json.dumps({"format": 1, "epoch": EPOCH}))

    assert run(old) is None
    assert number(old) == (formats.NEWEST, formats.NEWEST)


def test_a_newer_journal_is_not_upgraded(old: Path) -> None:
    """It is refused by its number, and nothing is written to it."""
    newer = formats.NEWEST + 1
    with closing(LocalJournal(old)) as journal, journal.lock() as lock:
        head = journal.head()
        change = head.change.following(at=head.change.at, actor="ada", op="upgrade")
        with pytest.raises(Unavailable):  # it is written, and cannot be read back
            journal.write(lock, head.commit, change.model_copy(update={"format": newer}), {})
    branch = (old / "journal.git/refs/heads/main").read_text()

    with pytest.raises(Unavailable, match=f"has format {newer}"):
        run(old)
    assert (old / "journal.git/refs/heads/main").read_text() == branch


def test_a_backup_brings_its_format(old: Path, tmp_path: Path) -> None:
    """One of before is the way back; one of after is refused by an older registry."""
    backup.backup(old, tmp_path / "before.bundle")
    run(old)
    backup.backup(old, tmp_path / "after.bundle")
    for name in ("before", "after"):
        backup.restore(tmp_path / name, tmp_path / f"{name}.bundle")

    assert number(tmp_path / "before") == (1, 1)
    assert number(tmp_path / "after") == (formats.NEWEST, formats.NEWEST)


def test_a_shared_journal(old: Path, tmp_path: Path) -> None:
    """Pushed there; a copy that joins, or follows, has it too."""
    shared = tmp_path / "shared.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", shared], check=True)
    subprocess.run(["git", f"--git-dir={old / 'journal.git'}", "push", "--quiet", shared, "main"], check=True)
    with closing(RemoteJournal(old, str(shared), Credentials())) as journal:
        done = upgrade(journal, old)
    (tmp_path / "copy").mkdir()
    with closing(RemoteJournal(tmp_path / "copy", str(shared), Credentials())) as copy, copy.lock() as lock:
        assert copy.join(lock)
        assert copy.head() == done

    assert number(tmp_path / "copy") == (formats.NEWEST, formats.NEWEST)


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (Seen(), 1),
        (Seen(Position(EPOCH, 2), (promoted("1.1.0", 2),), format=formats.NEWEST), formats.NEWEST),
    ],
)
def test_a_recovery_stays_in_the_format_of_what_is_found(old: Path, seen: Seen, wanted: int) -> None:
    """In that of Redis, if it has seen a newer one."""
    recover(old, scan(old, seen), fetch)

    assert number(old) == (wanted, wanted)


def test_a_recovery_that_goes_back_needs_a_newer_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older registry would hold on to the higher epoch."""
    monkeypatch.setattr(formats, "NEWEST", formats.FIRST)
    (tmp_path / "data").mkdir()
    with closing(LocalJournal(tmp_path / "data")) as journal, journal.lock() as lock:
        journal.create(lock, AHEAD, {})
    monkeypatch.undo()
    found = scan(tmp_path / "data", Seen())
    recover(tmp_path / "data", found, fetch)

    assert (found.goes_back, found.known, found.format) == (True, 1, formats.EPOCHS_GO_BACK)
    assert number(tmp_path / "data") == (formats.EPOCHS_GO_BACK, formats.EPOCHS_GO_BACK)


def fetch(_: str, ref: Any) -> bytes:
    """The bytes of a version, from somewhere else."""
    return content(ref.version)
