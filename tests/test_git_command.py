"""Git runs as we want it to, whatever the machine, the user or the repository says."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import packs
import pytest

from registry.errors import GitFailed
from registry.git.command import AHEAD, AHEAD_LIMIT, Git, GitObject, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO = "ce013625030ba8dba906f756967f9e9ca394464a"  # sha1 of "blob 6\0hello\n"


@pytest.fixture
def git(tmp_path: Path) -> Iterator[Git]:
    """A new bare repository that holds one blob."""
    made = Git(tmp_path / "some where.git")
    made.init()
    made.run("hash-object", "-w", "--stdin", data=b"hello\n")
    yield made
    made.close()


def test_an_object_is_found_by_its_id(git: Git) -> None:
    """The answer has id, kind and bytes; one process answers all questions."""
    assert git.read_object(HELLO) == GitObject(HELLO, "blob", b"hello\n")
    assert git.read_object(HELLO) == GitObject(HELLO, "blob", b"hello\n")


def test_what_is_not_there_is_none(git: Git) -> None:
    """An absent object is an answer, not an error, and the process stays in step."""
    assert [
        git.read_object("0" * 40),
        git.read_object(f"{HELLO}:a b missing"),
        git.read_object("refs/heads/main"),
    ] == [None] * 3
    assert git.read_object(HELLO) is not None


@pytest.mark.parametrize("expression", ["a\nb", "a\0b"])
def test_a_question_is_one_line(git: Git, expression: str) -> None:
    """Nobody can smuggle in a second question."""
    with pytest.raises(GitFailed, match="cannot be looked up"):
        git.read_object(expression)


def test_a_greater_object_than_asked_for_is_not_read(git: Git) -> None:
    """The limit holds before anything is read, and the next question works."""
    with pytest.raises(GitFailed) as caught:
        git.read_object(HELLO, limit=5)

    assert caught.value.code == "git_too_large"
    assert git.read_object(HELLO, limit=6) is not None


def test_many_objects_are_found_as_one_is(git: Git, tmp_path: Path) -> None:
    """More than fit into one round; what is absent, damaged or too large spoils none of the others."""
    oids = [
        git.run("hash-object", "-w", "--stdin", data=b"%d" % number).decode().strip()
        for number in range(AHEAD + 1)
    ]
    great = git.run("hash-object", "-w", "--stdin", data=b"x" * (AHEAD_LIMIT + 1)).decode().strip()
    (tmp_path / "some where.git/objects" / oids[0][:2] / oids[0][2:]).unlink()

    found = git.read_objects([*(Wanted(oid, 10) for oid in oids), Wanted(great, 1 << 20), Wanted(great, 10)])
    bad = git.read_objects([Wanted(HELLO, 10), Wanted("a\nb", 10), Wanted(HELLO, 5)])

    assert found[:-1] == [*map(git.read_object, oids), git.read_object(great)]
    assert found[0] is None
    assert [type(each) for each in (found[-1], *bad)] == [GitFailed, GitObject, GitFailed, GitFailed]


def test_damage_on_disk_is_noticed(git: Git, tmp_path: Path) -> None:
    """Bytes that do not hash to their id are never returned."""
    stored = tmp_path / "some where.git/objects" / HELLO[:2] / HELLO[2:]
    stored.chmod(0o600)
    stored.write_bytes(zlib.compress(b"blob 6\0hellO\n"))

    with pytest.raises(GitFailed) as caught:
        git.read_object(HELLO)

    assert caught.value.code == "git_corrupt"


def test_a_dead_process_is_replaced(git: Git) -> None:
    """A killed cat-file costs nobody an answer."""
    git.read_object(HELLO)
    process = git._idle[0]._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert git.read_object(HELLO) is not None


def test_a_fork_asks_a_process_of_its_own(git: Git) -> None:
    """Parent and child never read from one pipe."""
    git.read_object(HELLO)
    parents = git._idle[0]

    child = os.fork()
    if child == 0:
        found = git.read_object(HELLO)
        os._exit(0 if found and parents not in git._idle else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert git.read_object(HELLO) is not None
    assert git._idle[0] is parents


def test_threads_share_it(git: Git) -> None:
    """Answers go to those who asked, and few processes stay."""
    oids = [git.run("hash-object", "-w", "--stdin", data=b"%d" % i).decode().strip() for i in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(git.read_object, oids * 4))

    assert [answer and answer.data for answer in answers] == [b"%d" % i for i in range(50)] * 4
    assert len(git._idle) <= 4


def test_errors_carry_gits_own_words(git: Git) -> None:
    """The message names the command, and what git said, in a bounded way."""
    with pytest.raises(GitFailed, match=r"^git cat-file failed: fatal: Not a valid object name xx") as caught:
        git.run("cat-file", "-p", "x" * 1000)

    assert len(caught.value.message) < 600


def test_errors_hide_credentials(git: Git) -> None:
    """The user info of a URL is never shown."""
    with pytest.raises(GitFailed) as caught:
        git.run("ls-remote", "ssh://ada:hunter2@ex ample.invalid/x")

    assert "hunter2" not in caught.value.message


def test_the_deadline_ends_the_whole_group(git: Git) -> None:
    """What git started ends with it: the last holder of a passed descriptor is gone."""
    reading, writing = os.pipe()
    started = time.monotonic()

    with pytest.raises(GitFailed, match=r"was ended after 0\.2 s") as caught:
        git.run("-c", "alias.stall=!sleep 60 & sleep 60", "stall", timeout=0.2, pass_fds=(writing,))
    os.close(writing)

    assert os.read(reading, 1) == b""
    assert caught.value.code == "git_timeout"
    assert time.monotonic() - started < 10
    os.close(reading)


def test_close_ends_what_runs(git: Git) -> None:
    """A shutdown does not wait for a fetch."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(git.run, "-c", "alias.stall=!sleep 60", "stall")
        while not git._running:
            pass
        git.close()

        with pytest.raises(GitFailed):
            running.result(timeout=10)


def test_the_machines_configuration_has_no_effect(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a home folder nor GIT_* variables reach git."""
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Machine\n")
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Machine",
        "GIT_DIR": "/nowhere",
        "GIT_OBJECT_DIRECTORY": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)

    assert b"Machine" not in git.run("config", "--list")
    assert git.read_object(HELLO) is not None


def test_hooks_do_not_run(git: Git, tmp_path: Path) -> None:
    """Not even one that somebody puts into our own repository."""
    hook = tmp_path / "some where.git/hooks/reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    hook.chmod(0o700)

    git.run("update-ref", "refs/x", HELLO)

    assert git.read_object("refs/x") is not None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["ext::touch ran", "fd::0", "git://127.0.0.1:1/x"])
def test_other_protocols_are_refused(git: Git, url: str) -> None:
    """Files, https, http and ssh; nothing that runs a command."""
    with pytest.raises(GitFailed, match="not allowed"):
        git.run("ls-remote", url)


def test_settings_reach_git_unseen(tmp_path: Path) -> None:
    """A repository's own settings travel in the environment, not in the list of processes."""
    git = Git(tmp_path / "own.git", config=("remote.origin.url=https://example.org/a=b",))
    git.init()

    assert git.run("config", "remote.origin.url") == b"https://example.org/a=b\n"


def test_what_git_writes_is_private(git: Git, tmp_path: Path) -> None:
    """Whoever may enter the folder around it can still read nothing of it."""
    modes = [path.stat().st_mode & 0o077 for path in (tmp_path / "some where.git").rglob("*")]

    assert (len(modes) > 0, set(modes)) == (True, {0})


def bomb(size: int) -> bytes:
    """A pack of some 300 bytes with a file of so many bytes, each half of which repeats the other."""
    step = 1 << 24  # bytes; the most that one instruction of a delta copies
    base = packs.entry(3, bytes(1 << 16))
    middle = packs.entry(
        7, packs.delta(1 << 16, [1 << 16] * (step >> 16)), hashlib.sha1(_blob(1 << 16)).digest()
    )
    great = packs.entry(7, packs.delta(step, [step - 1] * (size // step)), hashlib.sha1(_blob(step)).digest())
    pack = b"PACK" + (2).to_bytes(4) + (3).to_bytes(4) + base + middle + great
    return pack + hashlib.sha1(pack).digest()


def _blob(size: int) -> bytes:
    return b"blob %d\0" % size + bytes(size)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A pack that grows beyond all bounds ends the git that unpacks it, and the reason names the bound."""
    git = Git(tmp_path / "small.git", memory=64 << 20)
    git.init()
    for command in (("index-pack", "--stdin"), ("unpack-objects",)):
        with pytest.raises(GitFailed, match="more than the 64 MiB of memory") as caught:
            git.run(*command, data=bomb(400 << 20))
        assert caught.value.code == "git_no_memory"
    git.run("unpack-objects", data=bomb(1 << 24))


def test_an_answer_is_bounded(git: Git) -> None:
    """What has no end is ended."""
    with pytest.raises(GitFailed, match="wrote more than 1 MiB") as caught:
        git.run("-c", "alias.tell=!yes", "tell", limit=1 << 20)

    assert caught.value.code == "git_too_much"


def test_words_without_end_take_no_memory(git: Git) -> None:
    """The last of them are kept, whatever a host says."""
    with pytest.raises(GitFailed, match="failed: fatal: at last") as caught:
        git.run("-c", "alias.tell=!yes | head -c 9000000 >&2; echo fatal: at last >&2; exit 1", "tell")

    assert len(caught.value.words) <= 16_000


def test_room_is_bounded(git: Git, tmp_path: Path) -> None:
    """A file that gets longer than it may ends the git that writes it."""
    with pytest.raises(GitFailed, match="more room on the disk") as caught:
        git.run("-c", f"alias.fill=!cat /dev/zero > '{tmp_path}/full'", "fill", room=1 << 20)

    assert (caught.value.code, (tmp_path / "full").stat().st_size) == ("git_no_room", 1 << 20)


def test_a_killed_git_is_told_by_its_signal(git: Git) -> None:
    """So is one that another git started; what killed itself is no victim."""
    with pytest.raises(GitFailed, match=r"was ended by signal 9 \(SIGKILL\)") as killed:
        git.run("-c", "alias.die=!kill -9 $$", "die")
    with pytest.raises(GitFailed) as crashed:
        git.run("-c", "alias.die=!kill -11 $$", "die")

    assert (killed.value.code, killed.value.passing) == ("git_killed", True)
    assert (crashed.value.code, crashed.value.passing) == ("git_failed", False)


def test_what_only_reads_is_tried_again_after_a_kill(git: Git, tmp_path: Path) -> None:
    """As where a system that is short of memory kills whatever it finds."""
    wrapper, killed = tmp_path / "bin/git", tmp_path / "killed"
    wrapper.parent.mkdir()
    real = shutil.which("git")
    wrapper.write_text(
        f"#!/bin/sh\ntest -e '{killed}' || {{ touch '{killed}'; kill -9 $$; }}\nexec {real} \"$@\"\n"
    )
    wrapper.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
        found = git.read_object(HELLO)
        killed.unlink()
        listed = git.run("for-each-ref")
        killed.unlink()
        with pytest.raises(GitFailed, match="signal 9"):
            git.run("update-ref", "refs/heads/x", HELLO)

    assert (found, listed) == (GitObject(HELLO, "blob", b"hello\n"), b"")
