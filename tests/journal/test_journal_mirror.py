"""A journal's mirror is pushed to, never by force; where it is, and how far, is remembered."""

from __future__ import annotations

import subprocess
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from git_hosts import http_host, ssh_host
from journal.story import EPOCH, promote, tell

from registry.errors import Invalid, RegistryError, Unavailable
from registry.git.remote import Credentials
from registry.journal.local import LocalJournal
from registry.journal.maintenance import mirror
from registry.rollouts.position import Position

if TYPE_CHECKING:
    from pathlib import Path

OPEN = Credentials()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a journal."""
    return tell(tmp_path / "data", "1.0.0")


def head(data: Path) -> str:
    """The newest commit of a journal."""
    with closing(LocalJournal(data)) as journal:
        return journal.head().commit


def newest(repository: Path) -> str:
    """The newest commit of a mirror."""
    command = ["git", f"--git-dir={repository}", "rev-parse", "main"]
    return subprocess.check_output(command, text=True).strip()


def bare(path: Path) -> Path:
    """An empty repository that takes pushes over http too."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    subprocess.run(["git", f"--git-dir={path}", "config", "http.receivepack", "true"], check=True)
    return path


def made_at(_: int) -> datetime:
    """Every change is of one time."""
    return datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_remembered(data: Path, tmp_path: Path) -> None:
    """Where it is and how far; only the user may read it."""
    done = mirror.push(data, str(tmp_path / "m.git"), OPEN, begin=True)
    mirror.remember(data, done.url)

    assert (done.commit, done.epoch, done.seq, done.error) == (newest(tmp_path / "m.git"), EPOCH, 1, None)
    assert mirror.status(data, done.url) == done
    modes = {name: (data / name).stat().st_mode & 0o777 for name in (mirror.FILE, mirror.STATUS)}
    assert set(modes.values()) == {0o600}
    assert mirror.forget(data) == str(tmp_path / "m.git")
    assert (mirror.remembered(data), mirror.lag(data, Position(EPOCH, 1), made_at)) == (None, None)


def test_a_folder_that_remembers_a_mirror_had_a_journal(tmp_path: Path) -> None:
    """No new one is begun there, although nothing else is left."""
    mirror.remember(tmp_path, str(tmp_path / "m.git"))
    with pytest.raises(Unavailable, match="nothing is re-created") as raised:
        LocalJournal(tmp_path).check_empty()

    assert raised.value.code == "journal_missing"


def test_how_far_it_is_behind(data: Path, tmp_path: Path) -> None:
    """By the changes since the one that was pushed; a journal that was begun anew is not there at all."""
    mirror.remember(data, mirror.push(data, str(tmp_path / "m.git"), OPEN, begin=True).url)

    heads = [Position(EPOCH, 1), Position(EPOCH, 4), Position(EPOCH - 1, 9), Position(EPOCH + 1, 0)]
    lags = [mirror.lag(data, newest, made_at) for newest in heads]

    assert [lag and lag.changes for lag in lags] == [0, 3, 0, 1]
    assert [bool(lag and lag.seconds) for lag in lags] == [False, True, False, True]


def test_a_mirror_lacks_what_was_recovered_from_a_wrong_clock(data: Path, tmp_path: Path) -> None:
    """Its epoch is the higher one, and the older one all the same."""
    mirror.remember(data, str(tmp_path / "m.git"))
    known = mirror.Status(url=str(tmp_path / "m.git"), epoch=2**33, seq=4, tried_at=made_at(0))
    (data / mirror.STATUS).write_text(known.model_dump_json())
    found = mirror.lag(data, Position(EPOCH, 7), made_at)

    assert found
    assert found.changes == 3


def test_a_lag_of_a_journal_that_cannot_be_read(data: Path, tmp_path: Path) -> None:
    """It is as old as the last push, about."""
    mirror.remember(data, mirror.push(data, str(tmp_path / "m.git"), OPEN, begin=True).url)

    def unreadable(_: int) -> datetime:
        raise Unavailable("it is damaged")

    lag = mirror.lag(data, Position(EPOCH, 2), unreadable)

    assert lag
    assert (lag.changes, 0 <= lag.seconds < 60) == (1, True)


def test_another_repository_is_left_alone(data: Path, tmp_path: Path) -> None:
    """And so is a mirror that has more than an old copy; both are told, and remembered."""
    other = tell(tmp_path / "other", "9.0.0")
    mirror.remember(other, mirror.push(other, str(tmp_path / "m.git"), OPEN, begin=True).url)
    mirror.remember(data, str(tmp_path / "m.git"))

    with pytest.raises(Invalid, match="was left alone"):
        mirror.push(data, str(tmp_path / "m.git"), OPEN)

    assert newest(tmp_path / "m.git") == head(other)
    known = mirror.status(data, str(tmp_path / "m.git"))
    assert (known.failures, "was left alone" in str(known.error), known.commit) == (1, True, None)


@pytest.mark.parametrize("inside", ["journal.git", "copies/m.git"])
def test_a_mirror_is_elsewhere(data: Path, inside: str) -> None:
    """What is in the data folder is lost with it, the journal itself above all."""
    with pytest.raises(Invalid, match="name a place elsewhere"):
        mirror.push(data, str(data / inside), OPEN, begin=True)

    assert not (data / "copies").exists()


def test_a_try_elsewhere_says_nothing_of_the_mirror(data: Path, tmp_path: Path) -> None:
    """It is as it was."""
    mirror.remember(data, mirror.push(data, str(tmp_path / "m.git"), OPEN, begin=True).url)
    with pytest.raises(Unavailable, match="mount"):
        mirror.push(data, str(tmp_path / "unplugged/m.git"), OPEN)

    assert mirror.status(data, str(tmp_path / "m.git")).error is None


def test_over_http_with_a_token(data: Path, tmp_path: Path) -> None:
    """The file opens it; neither a wrong token nor the right one is written anywhere."""
    token = tmp_path / "token"
    bare(tmp_path / "hosted/m.git")
    with http_host(tmp_path / "hosted", "me:s3cret") as host:
        url = f"{host.url}/m.git"
        mirror.remember(data, url)
        for secret in ("me:wrong", "me:s3cret"):
            token.write_text(secret)
            try:
                mirror.push(data, url, Credentials(token_file=token))
            except RegistryError as error:
                assert f"refuses the token in {token}" in error.message  # noqa: PT017 - the first of two
                assert "it must let that write" in error.message  # noqa: PT017
            kept = (data / mirror.STATUS).read_text() + (data / mirror.FILE).read_text()
            assert secret.partition(":")[2] not in kept

    assert newest(tmp_path / "hosted/m.git") == head(data) == mirror.status(data, url).commit


def test_over_ssh_with_a_key(data: Path, tmp_path: Path) -> None:
    """As the prompt repository is reached."""
    repository = bare(tmp_path / "m.git")
    with ssh_host(tmp_path / "ssh") as host:
        opened = Credentials(ssh_key=host.key, known_hosts=host.known_hosts)
        mirror.push(data, host.url(repository), opened)
        promote(data, "1.1.0")
        mirror.push(data, host.url(repository), opened)

    assert newest(repository) == head(data)


def test_a_password_in_an_address_is_refused(data: Path) -> None:
    """It would be shown."""
    with pytest.raises(Invalid, match="PROMPTSTAGE_GIT_TOKEN_FILE"):
        mirror.push(data, "https://me:secret@example.org/x.git", OPEN)
