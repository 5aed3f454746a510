"""The journal on a real disk: durable, in order, and never created over something."""

from __future__ import annotations

import os
import shutil
import subprocess
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from support import until

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint
from registry.errors import Unavailable
from registry.git.command import AHEAD
from registry.journal import directory
from registry.journal.change import Change, content_path, state_path, token_path
from registry.journal.local import LocalJournal
from registry.rollouts.state import State
from registry.system import timestamps
from registry.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.journal.journal import Journal
    from registry.journal.reader import Entry

ADMIN, _ = mint(TokenSpec(name="admin", capabilities=(Capability.admin,)))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A new journal."""
    new = LocalJournal(tmp_path)
    with new.lock() as lock:
        new.create(lock, 7, {token_path(ADMIN.id): ADMIN.model_dump_json().encode()})
    yield new
    new.close()


def write(journal: Journal, seq: int, **files: bytes) -> Entry:
    """Commit a promote with a number."""
    state = State(environment="production", prompt="summarize", epoch=7, seq=seq)
    change = Change(epoch=7, seq=seq, at=timestamps.now(), actor="ada", op="promote", state=state)
    content = state.model_dump_json().encode()
    with journal.lock() as lock:
        return journal.write(
            lock, journal.head().commit, change, {state_path("production", "summarize"): content, **files}
        )


def test_what_was_written_is_read_again(journal: Journal, tmp_path: Path) -> None:
    """Another process, or this one after a restart, finds every change in order."""
    entries = [write(journal, seq) for seq in (1, 2, 3)]
    contents = LocalJournal(tmp_path).load()

    assert contents.head == entries[-1]
    assert contents.commits[1:] == [entry.commit for entry in entries]
    assert [state.seq for state in contents.states] == [3]
    assert contents.tokens == [ADMIN]


def test_changes_since_a_commit(journal: Journal) -> None:
    """A reader that knows a commit gets what came after it, oldest first."""
    known = write(journal, 1)
    newer = [write(journal, 2), write(journal, 3)]

    assert journal.since(known.commit) == newer
    assert journal.since(newer[-1].commit) == []
    assert journal.since("0" * 40) is None


def test_staged_bytes_are_kept_as_they_are(journal: Journal) -> None:
    """Any bytes come back, and a version that was never staged has none."""
    content = b"a: \xff\r\n\0\ndone\nM 100644\n"
    write(journal, 1, **{content_path("support/triage", "1.0.0"): content})

    assert journal.staged("support/triage", "1.0.0") == content
    assert journal.staged("support/triage", "1.0.1") is None


def test_git_itself_finds_nothing_to_object(journal: Journal, tmp_path: Path) -> None:
    """The journal is an ordinary repository, which any git can read."""
    write(journal, 1)
    command = ["git", "-C", str(tmp_path / "journal.git")]

    subprocess.run([*command, "fsck", "--strict"], check=True, capture_output=True)
    assert subprocess.check_output([*command, "rev-list", "--count", "main"]) == b"2\n"


def test_several_changes_are_written_together(journal: Journal) -> None:
    """All or none: one that git does not take keeps the others out."""
    head = journal.head()
    changes = [Change(epoch=7, seq=seq, at=timestamps.now(), actor="ada", op="promote") for seq in (1, 2)]
    with journal.lock() as lock:
        with pytest.raises(Unavailable):
            journal.write_all(
                lock, head.commit, [(changes[0], {}), (changes[1], {"not\na path": b""})], timeout=10
            )
        assert journal.head() == head
        journal.write_all(lock, head.commit, [(change, {}) for change in changes], timeout=10)

    assert [entry.change.seq for entry in journal.since(head.commit) or ()] == [1, 2]


def test_many_states_are_read_and_a_damaged_one_is_named(journal: Journal, tmp_path: Path) -> None:
    """They are read many at a time; each of them is checked all the same."""
    states = [State(environment="production", prompt=f"p-{n}", epoch=7, seq=1) for n in range(AHEAD + 5)]
    write(journal, 1, **{state_path("production", s.prompt): s.model_dump_json().encode() for s in states})
    assert {state.prompt for state in journal.load().states} == {"summarize", *(s.prompt for s in states)}

    place = f"main:{state_path('production', 'p-7')}"
    oid = subprocess.check_output(["git", "-C", str(tmp_path / "journal.git"), "rev-parse", place]).decode()
    damaged = tmp_path / "journal.git/objects" / oid[:2] / oid[2:].strip()
    damaged.chmod(0o600)
    damaged.write_bytes(b"not an object")
    with pytest.raises(Unavailable, match=oid.strip()) as caught:
        journal.load()
    assert caught.value.code == "journal_damaged"


def test_a_dead_writers_lock_blocks_nobody(journal: Journal, tmp_path: Path) -> None:
    """A killed git leaves a lock file behind, which the next writer clears away."""
    (tmp_path / "journal.git/refs/heads/main.lock").write_text("")

    assert write(journal, 1).change.seq == 1


def test_what_a_killed_writer_left_unfinished_goes(journal: Journal, tmp_path: Path) -> None:
    """At the start, and after each failure; what is finished stays."""
    left = [tmp_path / f"journal.git/objects/{name}" for name in ("pack/tmp_pack_x", "ab/tmp_obj_x")]
    for file in left:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    fresh = LocalJournal(tmp_path)
    write(fresh, 1)
    fresh.close()

    assert [file.exists() for file in left] == [False, False]


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the next writes of git be killed, so many of them."""
    wrapper, count = tmp_path / "bin/git", tmp_path / "count"
    wrapper.parent.mkdir()
    real = shutil.which("git")

    def kill(times: int) -> None:
        dies = f"echo >> '{count}'; test $(wc -l < '{count}') -gt {times} || kill -9 $$"
        wrapper.write_text(f'#!/bin/sh\ncase "$*" in *fast-import*) {dies}; esac\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    return kill


def test_a_change_whose_git_was_killed_is_tried_once_more(
    journal: Journal, killed: Callable[[int], None]
) -> None:
    """Nothing of the first try is in the way."""
    killed(1)

    assert write(journal, 1).change.seq == journal.head().change.seq == 1


def test_a_change_whose_git_is_killed_twice_is_refused(
    journal: Journal, killed: Callable[[int], None]
) -> None:
    """By its signal: nothing is damaged, and no disk is full."""
    killed(2)
    with pytest.raises(Unavailable, match=r"signal 9 \(SIGKILL\).*; try again") as caught:
        write(journal, 1)

    assert (caught.value.code, journal.head().change.seq) == ("journal_unwritable", 0)
    assert "recover" not in caught.value.message


def test_a_reader_that_is_killed_again_and_again_is_no_damage(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what happened, and never to recover a journal that is whole."""
    (tmp_path / "git").write_text("#!/bin/sh\nkill -9 $$\n")
    (tmp_path / "git").chmod(0o755)
    journal.close()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    for ask in (journal.head, journal.load, journal.tokens):
        with pytest.raises(Unavailable, match=r"cannot be read now: .* signal 9") as caught:
            ask()
        assert caught.value.code == "journal_unreadable"


def test_the_disk_tells_whether_it_takes_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it says, and by a try; nothing stays behind."""
    said = directory.refusal(tmp_path, write=True)
    gone = directory.refusal(tmp_path / "gone")
    monkeypatch.setattr(directory, "CHANGE_BYTES", 1 << 60)
    full = directory.refusal(tmp_path)

    assert said is None
    assert gone is not None
    assert full is not None
    assert "No such file or directory" in gone.message
    assert "No space left on device; see that its disk has room" in full.message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_is_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    """A disk that became read-only is told by its own words, with the code that the API documents."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(Unavailable, match="Not a directory") as caught,
        LocalJournal(tmp_path / "file").lock(),
    ):
        pass

    assert caught.value.code == "journal_unwritable"


def test_who_waits_writes_next(journal: Journal, tmp_path: Path) -> None:
    """A process that writes one change after the other does not keep the others out."""
    order = []

    def wait() -> None:
        with LocalJournal(tmp_path).lock():
            order.append("the other")

    other = Thread(target=wait)
    with journal.lock():
        other.start()
        until(lambda: _held(tmp_path / "journal.turn"), "the other to wait")
    with journal.lock():
        order.append("this one")
    other.join()

    assert order == ["the other", "this one"]


def _held(path: Path) -> bool:
    try:
        with locked(path, wait=0):
            return False
    except Unavailable:
        return True


def test_a_write_that_fails_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    """A disk that takes nothing is an error with a reason, and the head stays."""
    before = write(journal, 1)
    objects = tmp_path / "journal.git/objects"
    objects.rename(objects.with_name("hidden"))
    objects.write_text("in the way")
    with pytest.raises(Unavailable):
        write(journal, 2)
    objects.unlink()
    objects.with_name("hidden").rename(objects)

    assert journal.head() == before
    assert write(journal, 2).change.seq == 2


def test_a_folder_with_other_things_gets_no_journal(tmp_path: Path) -> None:
    """Who points at the wrong folder, or lost half of it, is told instead of being given an empty one."""
    (tmp_path / "mirror.git").mkdir()
    with pytest.raises(Unavailable, match="backup") as caught:
        LocalJournal(tmp_path).check_empty()

    assert caught.value.code == "journal_missing"


def test_a_creation_that_was_cut_off_can_be_begun_again(journal: Journal, tmp_path: Path) -> None:
    """Without its marker a journal that holds no change is none; one with a change is not replaced."""
    (tmp_path / "journal.json").unlink()
    journal.check_empty()
    (tmp_path / "journal.json").write_text("{}")
    write(journal, 1)
    (tmp_path / "journal.json").unlink()
    with pytest.raises(Unavailable):
        journal.check_empty()


@pytest.mark.parametrize("garbage", ["", "not a commit", "0" * 40])
def test_a_damaged_journal_says_so(journal: Journal, tmp_path: Path, garbage: str) -> None:
    """Garbage in the place of the branch is an error with the remedy."""
    (tmp_path / "journal.git/refs/heads/main").write_text(garbage)
    with pytest.raises(Unavailable, match="backup") as caught:
        journal.head()

    assert caught.value.code == "journal_damaged"


def test_the_lock_outlives_a_killed_writer_in_its_child(journal: Journal, tmp_path: Path) -> None:
    """A git child holds the lock too: nobody writes beside it, even if its parent is gone."""
    with journal.lock() as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    with pytest.raises(Unavailable, match="another process"), locked(tmp_path / "journal.lock", wait=0):
        pass
    child.kill()
    child.wait()

    with locked(tmp_path / "journal.lock", wait=0):
        pass
