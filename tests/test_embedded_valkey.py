"""The embedded Valkey: there for as long as somebody uses it, and without a trace afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import processes_with, until

from registry.errors import Unavailable
from registry.redis import embedded

USE = """
import sys
from contextlib import ExitStack
from pathlib import Path
import redis
from registry.redis import embedded
from registry.errors import Unavailable

for _ in range(int(sys.argv[2])):
    with ExitStack() as lifetime:
        with redis.Redis.from_url(embedded.attach(Path(sys.argv[1]), lifetime)) as client:
            assert client.ping()
"""


@pytest.mark.parametrize(("users", "times"), [(1, 1), (3, 10)])
def test_it_leaves_nothing_behind(tmp_path: Path, users: int, times: int) -> None:
    """However its users come and go, each has one that answers; at last there is no process and no file."""
    folder = Path(embedded.socket_url(tmp_path).removeprefix("unix://")).parent
    command = [sys.executable, "-c", USE, str(tmp_path), str(times)]
    started = [subprocess.Popen(command) for _ in range(users)]

    assert [user.wait(30) for user in started] == [0] * users
    until(lambda: not folder.exists(), "the folder to be gone")
    until(lambda: not processes_with(str(folder)), "the processes to be gone")


def test_without_a_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the data folder then, and never in the folder that a registry happens to be started in."""
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    first = embedded.socket_url(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert first == f"unix://{tmp_path}/.valkey/valkey.sock"
    assert embedded.socket_url(tmp_path) == first


def test_without_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried is named, and what helps."""
    data = tmp_path / ("d" * 100)
    data.mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))

    with pytest.raises(Unavailable, match=r"its path is too long for a socket\); set TMPDIR"):
        embedded.socket_url(data)
