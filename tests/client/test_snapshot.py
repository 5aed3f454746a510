"""The files that outlive the process: private, whole, and never going back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import FakeRegistry, release, until, version_of

from promptstage._replica.snapshot import Snapshots, default_root
from promptstage.limits import BODY_BYTES, LOCK_TRIES

if TYPE_CHECKING:
    from pathlib import Path

    from client.conftest import Connect

URL = "https://prompts.example.org"


def raw(**what: object) -> bytes:
    """A release as it comes over the wire."""
    return json.dumps(release(**what)).encode()  # type: ignore[arg-type]


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    """Snapshots that hold `summarize` at seq 5."""
    snapshots = Snapshots(tmp_path, URL, "production")
    snapshots.save_release("summarize", raw(seq=5))
    return snapshots


@pytest.fixture
def file(snapshots: Snapshots) -> Path:
    """The file that holds it."""
    return snapshots.folder / "summarize.json"


def test_the_content_is_what_the_registry_sent(snapshots: Snapshots, file: Path) -> None:
    """Byte for byte: a newer client may understand more of it."""
    assert file.read_bytes() == raw(seq=5)


def test_it_is_written_forward_only(snapshots: Snapshots, file: Path) -> None:
    """An older release does not replace a newer one; a later epoch does, whatever its seq."""
    snapshots.save_release("summarize", raw(seq=4))
    assert file.read_bytes() == raw(seq=5)
    snapshots.save_release("summarize", raw(seq=1, epoch=200))

    assert file.read_bytes() == raw(seq=1, epoch=200)


def test_two_processes_race_forward(tmp_path: Path) -> None:
    """Whoever writes last, the newest stays, and nothing is torn."""
    program = """
import json, sys
from pathlib import Path
from promptstage._replica.snapshot import Snapshots
snapshots = Snapshots(Path(sys.argv[1]), "u", "e")
release = json.loads(sys.argv[3])
for seq in range(int(sys.argv[2]), 200, 2):
    snapshots.save_release("a", json.dumps(release | {"seq": seq}).encode())
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    writers = [subprocess.Popen([*command, first, raw(name="a").decode()]) for first in ("0", "1", "0")]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    stored = Snapshots(tmp_path, "u", "e").load("a")
    assert stored is not None
    assert json.loads(stored.data)["seq"] == 199
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"a.json", ".lock"}


def test_what_a_killed_writer_left_is_cleared_away(snapshots: Snapshots, file: Path) -> None:
    """Half a file, under a name that the next writer takes; a link there is not followed."""
    half = file.with_suffix(".new")
    half.write_bytes(b"{")
    snapshots.save_release("summarize", raw(seq=6))
    assert {path.name for path in snapshots.folder.iterdir()} == {".lock", file.name}

    half.symlink_to(snapshots.folder / "elsewhere")
    snapshots.save_release("summarize", raw(seq=7))
    assert {path.name for path in snapshots.folder.iterdir()} == {".lock", file.name}
    assert file.read_bytes() == raw(seq=7)


def test_a_lock_that_somebody_keeps_is_waited_for_once(
    snapshots: Snapshots, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is tried without waiting, until it is free again: what else comes is not late for it."""
    program = """
import fcntl, sys
with open(sys.argv[1], "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print(flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", program, str(snapshots.folder / ".lock")]
    pauses: list[float] = []
    monkeypatch.setattr("promptstage._replica.snapshot.time.sleep", pauses.append)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as somebody:
        assert somebody.stdout
        somebody.stdout.readline()
        for seq in (6, 7):
            snapshots.save_release("summarize", raw(seq=seq))
        assert len(pauses) == LOCK_TRIES - 1
        assert snapshots.error

    snapshots.save_release("summarize", raw(seq=8))
    assert file.read_bytes() == raw(seq=8)
    assert not snapshots.error


def test_it_is_private(snapshots: Snapshots, file: Path) -> None:
    """Files 0600, folders 0700."""
    assert {stat.S_IMODE(path.stat().st_mode) for path in snapshots.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(snapshots.folder.stat().st_mode) == 0o700


def test_a_link_is_neither_followed_nor_written_through(
    snapshots: Snapshots, file: Path, tmp_path: Path
) -> None:
    """What it points to is not ours to read or to change."""
    target = tmp_path / "target"
    file.rename(target)
    file.symlink_to(target)

    assert snapshots.load("summarize") is None
    snapshots.save_release("summarize", raw(seq=9))
    assert target.read_bytes() == raw(seq=5)
    assert file.read_bytes() == raw(seq=9)
    assert not file.is_symlink()


def test_a_folder_that_is_a_link_is_neither_read_nor_written(
    snapshots: Snapshots, file: Path, tmp_path: Path
) -> None:
    """It leads to where we have no business; `status` says why nothing is kept."""
    elsewhere = tmp_path / "elsewhere"
    snapshots.folder.rename(elsewhere)
    snapshots.folder.symlink_to(elsewhere)
    (elsewhere / ".lock").unlink()
    os.utime(elsewhere / file.name, (0, 0))
    snapshots.save_release("summarize", raw(seq=9))
    snapshots.touch("summarize", 0)

    assert snapshots.load("summarize") is None
    assert "is a link, or belongs to another user" in str(snapshots.error)
    assert [(path.name, path.stat().st_mtime) for path in elsewhere.iterdir()] == [(file.name, 0)]
    assert (elsewhere / file.name).read_bytes() == raw(seq=5)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\x00" * 100, b"[" * 100_000, raw(seq=5)[:-20]])
def test_a_torn_file_counts_as_none(
    connect: Connect, registry: FakeRegistry, tmp_path: Path, damage: bytes
) -> None:
    """The registry is asked, and the next write heals it."""
    folder = Snapshots(tmp_path, registry.url, "production").folder
    folder.mkdir(parents=True)
    (folder / "summarize.json").write_bytes(damage)

    assert connect(snapshot_dir=tmp_path).get("summarize").source == "live"
    until(lambda: (folder / "summarize.json").read_bytes() == raw())


@pytest.mark.parametrize(
    "other",
    [
        json.dumps({"epoch": 10**12, "seq": 1}).encode(),
        raw(epoch=10**12, name="triage"),
        raw(epoch=10**12).replace(b"v1", b"v9").replace(b'"split": null', b'"split": {"algo": "v9"}'),
    ],
)
def test_a_file_that_cannot_be_used_is_replaced(snapshots: Snapshots, file: Path, other: bytes) -> None:
    """However new it claims to be: what is no release of this prompt keeps none out."""
    file.write_bytes(other)
    snapshots.save_release("summarize", raw(seq=5))

    assert file.read_bytes() == raw(seq=5)


def test_a_huge_file_and_a_pipe_count_as_none(snapshots: Snapshots, file: Path) -> None:
    """Neither fills the memory nor blocks."""
    os.truncate(file, BODY_BYTES + 1)
    assert snapshots.load("summarize") is None
    file.unlink()
    os.mkfifo(file)

    assert snapshots.load("summarize") is None


def test_somebody_elses_file_counts_as_none(
    snapshots: Snapshots, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever could write it could choose our prompts."""
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)

    assert snapshots.load("summarize") is None


def test_registries_and_environments_are_apart(snapshots: Snapshots, tmp_path: Path) -> None:
    """What staging serves is never served in production."""
    assert Snapshots(tmp_path, URL, "staging").load("summarize") is None
    assert Snapshots(tmp_path, "https://other.example.org", "production").load("summarize") is None


@pytest.mark.parametrize("name", ["../../escape", "..", ".lock", "a/../../b", "x" * 300, "a\0b"])
def test_no_name_leaves_the_folder(snapshots: Snapshots, tmp_path: Path, name: str) -> None:
    """Whatever an application asks for."""
    snapshots.save_release(name, raw(seq=5))

    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {snapshots.folder}
    assert snapshots.load("summarize") is not None


def test_a_release_of_another_prompt_is_not_served(
    connect: Connect, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A file that was copied to another name counts as none."""
    registry.releases["summarize"] = release()
    Snapshots(tmp_path, registry.url, "production").save_release("triage", raw(seq=5))

    assert connect(snapshot_dir=tmp_path).get("triage", fallback="mine").version == "fallback"


def test_a_pinned_version_that_cannot_be_used_is_replaced(snapshots: Snapshots) -> None:
    """JSON alone is not enough to stay."""
    whole = json.dumps(version_of("summarize", "1.0.0")).encode()
    snapshots.save_version("summarize", "1.0.0", b"{}")
    snapshots.save_version("summarize", "1.0.0", whole)

    stored = snapshots.load("summarize", "1.0.0")
    assert stored is not None
    assert stored.data == whole


def test_without_a_writable_folder_it_works(
    connect: Connect, registry: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, and `status` says why."""
    (tmp_path / "file").touch()
    registry.releases["other"] = release("other")
    client = connect(snapshot_dir=tmp_path / "file")
    assert client.get("summarize").version == client.get("other").version == "1.2.0"
    client.close()

    assert [record.levelname for record in caplog.records if record.name == "promptstage"] == ["WARNING"]
    assert client.status()["snapshots"]["error"]


def test_the_age_survives_a_restart(connect: Connect, registry: FakeRegistry, tmp_path: Path) -> None:
    """It counts from when the registry last confirmed it to any process."""
    connect(snapshot_dir=tmp_path, prompts=["summarize"]).ready(10)
    file = Snapshots(tmp_path, registry.url, "production").folder / "summarize.json"
    until(file.exists)
    hour_ago = time.time() - 3600
    os.utime(file, (hour_ago, hour_ago))
    registry.stop()

    assert 3590 < connect(snapshot_dir=tmp_path).get("summarize").age < 3700


def test_closing_notes_the_last_confirmation(
    connect: Connect, registry: FakeRegistry, tmp_path: Path
) -> None:
    """So that a release from last month, confirmed a moment ago, is not said to be a month old."""
    client = connect(snapshot_dir=tmp_path, prompts=["summarize"])
    assert client.ready(10)
    file = Snapshots(tmp_path, registry.url, "production").folder / "summarize.json"
    until(file.exists)
    os.utime(file, (0, 0))
    client.close()

    assert time.time() - file.stat().st_mtime < 60


def test_the_token_is_nowhere(connect: Connect, tmp_path: Path) -> None:
    """Neither in a file nor in a name."""
    with connect(token="very-secret", snapshot_dir=tmp_path) as client:
        client.get("summarize")

    everything = b"".join(bytes(p) + (p.read_bytes() if p.is_file() else b"") for p in tmp_path.rglob("*"))
    assert b"summarize" in everything
    assert b"very-secret" not in everything


def test_the_cache_folder_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME if set, else the platform's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "promptstage"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"

    assert default_root() == tmp_path / caches / "promptstage"


def test_a_snapshot_gets_a_new_time_while_the_client_runs(
    connect: Connect, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed has not closed its client; its snapshot is as old as the last heartbeat."""
    monkeypatch.setattr("promptstage.limits.TOUCH_EVERY", 0.0)
    connect(prompts=["summarize"], snapshot_dir=tmp_path)
    until(lambda: any(tmp_path.rglob("summarize.json")))
    (file,) = tmp_path.rglob("summarize.json")
    os.utime(file, (0, 0))
    registry.beat()

    until(lambda: file.stat().st_mtime > 0)


def test_a_job_that_just_ends_leaves_its_snapshots(registry: FakeRegistry, tmp_path: Path) -> None:
    """The interpreter's end closes its clients; this pin would be written at the next event only."""
    program = f"""
from promptstage import Client
client = Client({registry.url!r}, prompts=["summarize"], snapshot_dir={str(tmp_path)!r})
assert client.ready(10)
client.get("summarize", version="1.2.0")
"""
    subprocess.run([sys.executable, "-c", program], check=True)

    assert {file.name for file in tmp_path.rglob("*.json")} == {"summarize.json", "summarize@1.2.0.json"}
