"""The database itself: its schema, its errors, and what a fork or a crash leaves."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from outcomes_in import Desk, record

from registry import outcomes
from registry.doctor import reports
from registry.errors import Unavailable
from registry.outcomes.store import inbox
from registry.outcomes.store.database import get_meta, set_meta
from registry.outcomes.store.opening import open_store
from registry.outcomes.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from postgres_server import Postgres

    from registry.outcomes.store.database import Connection


SCHEMA = Path(outcomes.__path__[0]) / "store/schema"


def test_a_schema_is_made_once(desk: Desk, tmp_path: Path, url: str) -> None:
    """Whoever opens the database next finds it, and the key in it."""
    again = open_store(url, tmp_path)

    steps = list(SCHEMA.glob("main-*.sql"))
    assert again.main.read(lambda c: get_meta(c, "schema of main")) == str(len(steps))
    assert again.secret("identity", "other") == desk.store.secret("identity", "another")
    again.close()


def test_a_newer_registrys_database_is_refused(desk: Desk, tmp_path: Path, url: str) -> None:
    """By name, and nothing in it is changed."""
    desk.store.main.write(lambda c: set_meta(c, "schema of main", "70"))

    with pytest.raises(Unavailable, match="has format 70, and promptstage-registry") as refused:
        open_store(url, tmp_path)
    assert refused.value.code == "newer_format"


def test_what_fails_changes_nothing(desk: Desk) -> None:
    """A transaction is done whole, or not at all."""

    def fail(connection: object) -> None:
        set_meta(connection, "half", "done")  # type: ignore[arg-type]
        raise KeyError

    with pytest.raises(KeyError):
        desk.store.main.write(fail)
    assert desk.store.main.read(lambda c: get_meta(c, "half")) is None


def test_a_crash_between_the_fold_and_the_inbox_counts_nothing_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batches are still there, but their ids are known."""
    desk.send(record(), record())
    with monkeypatch.context() as patch:
        patch.setattr(inbox.Inbox, "remove", lambda *_: None)
        desk.folder.fold(1)
    desk.folder = desk.new_folder("next")
    desk.fold()

    assert desk.total()["calls"] == 2
    assert desk.store.inbox.depth() == 0


@pytest.mark.parametrize("others", [1, 3])
def test_another_process_that_closes_takes_nothing_along(tmp_path: Path, others: int) -> None:
    """It is not the last one, even after this process opened further connections: what follows is kept."""
    database = SqliteDatabase(tmp_path / "file")

    def open_more(deeper: int) -> None:
        if deeper:  # within another transaction: it needs a connection of its own
            database.read(lambda _: open_more(deeper - 1))

    def add(connection: Connection) -> None:
        connection.execute("insert into numbers values (1)")
        open_more(others)

    database.write(lambda connection: connection.execute("create table numbers (n)"))
    for there in range(1, 4):
        database.write(add)
        assert _count_elsewhere(tmp_path / "file") == there
    database.close()


def _count_elsewhere(file: Path) -> int:
    """Count in another process, which closes what it opened."""
    work = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "print(c.execute('select count(*) from numbers').fetchone()[0]); c.close()"
    )
    done = subprocess.run([sys.executable, "-c", work, str(file)], check=True, capture_output=True)
    return int(done.stdout)


def test_too_much_that_waits_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a folder that is dead does not fill the disk; clients keep what they have."""
    monkeypatch.setattr(inbox, "MAX_ROWS", 3)
    for _ in range(3):
        desk.send(record())

    with pytest.raises(Unavailable, match="wait to be folded") as refused:
        desk.send(record())
    assert refused.value.code == "inbox_full"
    assert desk.outcomes.full() == refused.value.message
    desk.fold()
    assert not desk.outcomes.full()
    assert desk.send(record()).accepted == 1


def test_a_disk_that_is_short_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits needs room to be folded; the answer says how much."""
    desk = Desk(tmp_path)
    desk.send(record())
    monkeypatch.setattr(inbox, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(inbox, "MIN_FREE", 1 << 60)

    with pytest.raises(Unavailable, match="MiB left, and") as refused:
        desk.send(record())
    assert refused.value.code == "inbox_full"
    (check,) = reports.refused(desk.outcomes.full())
    assert (check.status, "reports are refused: the disk has" in check.message) == ("error", True)
    monkeypatch.undo()
    monkeypatch.setattr(inbox, "LOOK_SECONDS", 0.0)
    assert desk.send(record()).accepted == 1
    desk.close()


def test_long_batches_are_bounded_by_their_bytes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few they are."""
    desk.send(record())
    monkeypatch.setattr(inbox, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(inbox, "MAX_BYTES", 10)

    with pytest.raises(Unavailable, match="MiB wait to be folded"):
        desk.send(record())
    desk.fold()
    assert desk.send(record()).accepted == 1


def test_a_fork_has_connections_of_its_own(desk: Desk) -> None:
    """Those of its parent are neither used nor closed."""
    desk.send(record())
    child = os.fork()
    if child == 0:
        try:
            desk.send(record(), batch=str(uuid4()))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    desk.send(record())
    desk.fold()

    assert desk.total()["calls"] == 3


def test_a_locked_file_is_answered_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As unavailable, with the reason; when it is free again, all goes on."""
    monkeypatch.setattr("registry.outcomes.store.sqlite.BUSY_SECONDS", 0.05)
    desk = Desk(tmp_path)
    desk.send(record())
    with closing(sqlite3.connect(tmp_path / "outcomes/inbox.sqlite")) as other:
        other.execute("begin exclusive")
        with pytest.raises(Unavailable, match=r"inbox\.sqlite: database is locked") as refused:
            desk.send(record())
    assert refused.value.code == "outcomes_unavailable"
    desk.send(record())
    desk.close()


@pytest.mark.parametrize("part", ["inbox", "main"])
def test_a_file_that_cannot_be_read_is_answered(tmp_path: Path, part: str) -> None:
    """With what is wrong and what helps; once that is done, the other file has lost nothing."""
    desk = Desk(tmp_path)
    desk.send(record())
    desk.close()
    file, aside = tmp_path / f"outcomes/{part}.sqlite", tmp_path / "aside"

    file.rename(aside)
    file.mkdir()
    with pytest.raises(
        Unavailable, match=f"/{part}.sqlite: unable to open database file; see that the registry"
    ):
        Desk(tmp_path)
    file.rmdir()
    file.write_bytes(b"no database " * 1000)
    with pytest.raises(Unavailable, match=f"not a database; stop the registry, move outcomes/{part}.sqlite "):
        Desk(tmp_path)
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()

    desk = Desk(tmp_path)
    desk.send(record(), batch=str(uuid4()))
    desk.fold()
    assert desk.total()["calls"] == (1 if part == "inbox" else 2)
    desk.close()


def test_a_damaged_page_is_answered(tmp_path: Path) -> None:
    """Found by whoever reads it."""
    desk = Desk(tmp_path)
    desk.send(record())
    desk.fold()
    desk.close()
    file = tmp_path / "outcomes/main.sqlite"
    pages = file.read_bytes()
    file.write_bytes(pages[:8192] + b"\xff" * (len(pages) - 8192))

    said = r"malformed; stop the registry, move outcomes/main\.sqlite"
    with pytest.raises(Unavailable, match=said), closing(open_store("", tmp_path)) as store:
        store.main.read(lambda connection: connection.fetch("select * from rollups"))


def test_a_full_disk_is_answered(tmp_path: Path) -> None:
    """SQLite says so, and nothing is half written."""
    desk = Desk(tmp_path)
    desk.store.close()
    database = desk.store.databases[0]

    def fill(connection: Connection) -> None:
        connection.fetch("pragma max_page_count = 12")
        connection.execute("insert into meta values (?, ?)", (str(uuid4()), "x" * 90_000))

    with pytest.raises(Unavailable, match="database or disk is full"):
        database.write(fill)
    desk.close()


def test_a_server_that_came_back_is_found(mortal: Postgres, tmp_path: Path) -> None:
    """While it is down reports are unavailable; the first one after that succeeds, with nothing lost."""
    desk = Desk(tmp_path, mortal.new_database())
    desk.send(record())
    mortal.kill()
    with pytest.raises(Unavailable) as refused:
        desk.send(record())
    assert refused.value.code == "outcomes_unavailable"
    assert "postgres" not in refused.value.message
    mortal.start()
    desk.send(record())
    desk.fold()

    assert desk.total()["calls"] == 2
    desk.close()


def test_a_server_that_was_restarted_meanwhile_is_not_noticed(mortal: Postgres, tmp_path: Path) -> None:
    """A connection that idled is broken then; the report is written by another one."""
    desk = Desk(tmp_path, mortal.new_database())
    desk.send(record())
    mortal.kill()
    mortal.start()

    assert desk.send(record()).accepted == 1
    desk.fold()
    assert desk.total()["calls"] == 2
    desk.close()


def test_a_server_that_does_not_exist_is_named_without_its_address(tmp_path: Path) -> None:
    """An address may hold a password."""
    with pytest.raises(Unavailable) as refused:
        open_store("postgresql://app:hunter2@127.0.0.1:1/none", tmp_path)
    assert "hunter2" not in refused.value.message
