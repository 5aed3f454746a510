"""A registry keeps the journal's mirror up to date, whatever becomes of either; nobody waits for that."""

from __future__ import annotations

import shutil
import subprocess
from threading import Event
from typing import TYPE_CHECKING

import pytest
from git_hosts import http_host
from journal.story import promote, tell
from support import Registry, children, until

from registry.git.remote import Credentials
from registry.journal.maintenance import mirror
from registry.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import PromptRepository

VERSIONS = ("1.0.0", "1.1.0")


@pytest.fixture(scope="module")
def two(repository: PromptRepository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with two workers."""
    shared = Registry(repository.path, tmp_path_factory.mktemp("mirroring") / "data", workers=2)
    yield shared
    shared.kill()


def change(registry: Registry) -> str:
    """Make a change; its commit."""
    stable = registry.api.state("summarize")["stable"]
    version = VERSIONS[bool(stable and stable["version"] == VERSIONS[0])]
    answer = registry.api.act("promote", "summarize", {"version": version})
    assert answer.status == 200, answer.text
    return str(answer.json["commit"])


def begin(registry: Registry, path: Path) -> Path:
    """Give a registry's journal a mirror, as the command does."""
    done = mirror.push(registry.data, str(path), Credentials(), begin=True)
    mirror.remember(registry.data, done.url)
    return path


def has(repository: Path, commit: str) -> bool:
    """Whether a commit is the newest of a repository."""
    command = ["git", f"--git-dir={repository}", "rev-parse", "main"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == commit


def lag(registry: Registry) -> float:
    """By how many changes a mirror is behind, by /metrics."""
    (line,) = [line for line in registry.api.get("/metrics").text.splitlines() if line.startswith(CHANGES)]
    return float(line.split()[1])


CHANGES = "promptstage_journal_mirror_lag_changes"


def checked(registry: Registry) -> list[str]:
    """How `doctor` finds the mirror."""
    checks = registry.api.get("/v1/doctor").json["checks"]
    return [f"{check['status']}: {check['message']}" for check in checks if check["name"] == "journal mirror"]


def test_no_mirror_is_nothing_to_tell(two: Registry) -> None:
    """Nothing is measured, and nothing is checked."""
    mirror.forget(two.data)

    assert (CHANGES in two.api.get("/metrics").text, checked(two)) == (False, [])


def test_a_mirror_follows_by_itself(two: Registry, tmp_path: Path) -> None:
    """After each change, whichever worker made it."""
    path = begin(two, tmp_path / "m.git")
    newest = change(two)

    until(lambda: has(path, newest), "the mirror")
    until(lambda: lag(two) == 0, "the lag to go")
    assert checked(two) == [f"ok: {path} has every change"]


def test_one_process_at_a_time_pushes(two: Registry, tmp_path: Path) -> None:
    """While another one has the turn, all workers leave it to that."""
    path = begin(two, tmp_path / "m.git")
    with locked(two.data / mirror.LOCK, wait=5):
        newest = change(two)
        until(lambda: "_lag_seconds 1." in two.api.get("/metrics").text, "a second to pass")
        assert (has(path, newest), lag(two)) == (False, 1)

    until(lambda: has(path, newest), "the mirror")


def test_a_mirror_that_was_away(two: Registry, tmp_path: Path) -> None:
    """It is told, not waited for, and not begun anew; when it is back it has everything."""
    path = begin(two, tmp_path / "m.git")
    path.rename(tmp_path / "away")
    change(two)
    newest = change(two)
    until(lambda: any("mount" in told for told in checked(two)), "the trouble to be told")

    assert (lag(two), path.exists()) == (2, False)
    (tmp_path / "away").rename(path)
    until(lambda: has(path, newest), "the mirror")
    two.find("the journal is mirrored again")


def test_a_mirror_that_holds_something_else(two: Registry, tmp_path: Path) -> None:
    """It is left alone; the lag shows, and `doctor` says what to do."""
    path = begin(two, tmp_path / "m.git")
    git = ["git", f"--git-dir={path}", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    empty = subprocess.check_output([*git, "mktree"], text=True, input="").strip()
    foreign = subprocess.check_output([*git, "commit-tree", empty, "-m", "theirs"], text=True).strip()
    subprocess.run([*git, "update-ref", "refs/heads/main", foreign], check=True)
    change(two)
    until(lambda: any("was left alone" in told for told in checked(two)), "the refusal")

    assert has(path, foreign)
    assert lag(two) == 1


def test_a_registry_on_an_old_copy(serve: Callable[..., Registry], tmp_path: Path) -> None:
    """Nothing else knows that it is one: the mirror is asked at the start, and has what the copy has not."""
    data = tell(tmp_path / "data", "1.0.0")
    mirror.remember(data, mirror.push(data, str(tmp_path / "m.git"), Credentials(), begin=True).url)
    shutil.copytree(data, tmp_path / "old")
    promote(data, "1.1.0")
    mirror.push(data, str(tmp_path / "m.git"), Credentials())
    registry = serve("old")
    registry.find("if this is an old copy, go on from what is there")

    assert "promptstage_journal_mirror_error 1.0" in registry.api.get("/metrics").text


def test_a_registry_killed_in_the_middle_of_a_push(serve: Callable[..., Registry], tmp_path: Path) -> None:
    """The next one goes on; the push that outlived it is not joined by a second one."""
    hosted = tmp_path / "hosted/m.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", hosted], check=True)
    subprocess.run(["git", f"--git-dir={hosted}", "config", "http.receivepack", "true"], check=True)
    (tmp_path / "token").write_text("me:s3cret")
    credentials = Credentials(token_file=tmp_path / "token")
    registry = serve(git_token_file=str(tmp_path / "token"))
    reached, go_on = Event(), Event()
    with http_host(tmp_path / "hosted", "me:s3cret") as host:
        done = mirror.push(registry.data, f"{host.url}/m.git", credentials)
        mirror.remember(registry.data, done.url)
        host.during = lambda: reached.set() or go_on.wait()  # type: ignore[func-returns-value]
        newest = change(registry)
        assert reached.wait(10)
        assert children(registry.process.pid)
        registry.kill()
        again = serve(git_token_file=str(tmp_path / "token"))
        assert (has(hosted, newest), lag(again)) == (False, 1)
        go_on.set()
        until(lambda: has(hosted, newest), "the mirror")
        until(lambda: lag(again) == 0, "the lag to go")
        newest = change(again)
        until(lambda: has(hosted, newest), "the mirror")
        assert again.stop() == 0, again.log
