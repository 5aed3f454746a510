"""An older registry refuses a newer store by name; `format-1/` holds the last code that knew format 1 alone.

Both of its wheels are run as they are, beside this version: the registry, and the client that it takes its
pure modules from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import Api, Process, PromptRepository, Registry, Valkey, promptstage, until

from promptstage import Client
from registry.system import formats

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

WHEELS = Path(__file__).parent / "format-1"
REFUSED = f"has format {formats.NEWEST}, and promptstage-registry 0.1.0 knows up to 1"
NOWHERE = "redis://127.0.0.1:1"  # a Redis that does not answer


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older code, where it can be imported from."""
    folder = tmp_path_factory.mktemp("format-1")
    for wheel in WHEELS.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> PromptRepository:
    """A prompt repository."""
    repository = PromptRepository(tmp_path_factory.mktemp("author") / "repository")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        repository.tag("summarize", version)
    return repository


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that both share."""
    (tmp_path / "valkey").mkdir()
    server = Valkey(tmp_path / "valkey")
    yield server
    server.kill()


def run(code: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The older command line."""
    command = [sys.executable, "-P", "-m", "registry", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


class Older(Registry):
    """A registry of the older code."""

    code = Path()

    def launch(self, command: list[str], environment: dict[str, str], log: Path) -> Process:
        """Start the process."""
        return super().launch(
            [command[0], "-P", *command[1:]], {**environment, "PYTHONPATH": str(self.code)}, log
        )


def test_it_refuses_a_newer_folder(code: Path, author: PromptRepository, tmp_path: Path) -> None:
    """Whatever is asked of it, and however the folder came here; and leaves it as it is."""
    registry = Registry(author.path, tmp_path / "data")
    assert registry.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    assert registry.stop() == 0
    shutil.copytree(tmp_path / "data", tmp_path / "unmarked")
    (tmp_path / "unmarked/journal.json").write_text('{"format": 1, "epoch": 1}')  # of another copy
    branch = (tmp_path / "data/journal.git/refs/heads/main").read_text()

    for folder in ("data", "unmarked"):
        for words in (["serve", "--repository", author.path, "--port", "0"], ["journal", "verify"]):
            done = run(code, *words, "--data", tmp_path / folder)
            assert (done.returncode, REFUSED in done.stdout + done.stderr) == (1, True), done.stderr
    assert (tmp_path / "data/journal.git/refs/heads/main").read_text() == branch
    again = Registry(author.path, tmp_path / "data")
    assert again.api.act("promote", "summarize", {"version": "1.1.0"}).status == 200
    again.kill()


def test_one_after_the_other(code: Path, author: PromptRepository, valkey: Valkey, tmp_path: Path) -> None:
    """Both write to one journal until it is upgraded; the older one then changes nothing, and says why."""
    shared = tmp_path / "shared.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", shared], check=True)
    Older.code = code
    older = Older(author.path, tmp_path / "older", redis_url=valkey.url, journal=str(shared))
    assert older.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    (tmp_path / "newer").mkdir()
    shutil.copy(tmp_path / "older/admin.token", tmp_path / "newer/admin.token")
    newer = Registry(author.path, tmp_path / "newer", redis_url=valkey.url, journal=str(shared))
    for version in ("1.1.0", "1.2.0"):  # after the second a state could name a recent version
        assert newer.api.act("promote", "summarize", {"version": version}).status == 200
    with Client(older.url, token=older.api.token, prompts=["summarize"], snapshot_dir=tmp_path) as client:
        assert client.ready(10)
        until(lambda: client.get("summarize").version == "1.2.0", "the older registry's word")
    assert older.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    upgrade = [*promptstage(), "journal", "upgrade", "--data", str(tmp_path / "newer")]
    environment = {**os.environ, "PROMPTSTAGE_REDIS_URL": valkey.url, "PROMPTSTAGE_JOURNAL": str(shared)}
    early = subprocess.run(upgrade, capture_output=True, text=True, env=environment, check=False)
    assert (early.returncode, "upgrade them first" in early.stderr) == (1, True), early.stderr
    environment["PROMPTSTAGE_REDIS_URL"] = NOWHERE  # as an operator should not do
    subprocess.run([*upgrade, "--without-redis"], env=environment, check=True)

    made = newer.api.act("promote", "summarize", {"version": "1.1.0"})
    assert [ref["version"] for ref in made.json["state"]["recent"]] == ["1.2.0"]
    refused = older.api.act("promote", "summarize", {"version": "1.1.0"})
    assert (made.status, made.json["applied"]) == (200, True)
    assert (refused.status, refused.json["code"]) == (503, "newer_format")
    assert REFUSED in refused.json["detail"]
    assert valkey.states()[0] == f"{made.json['epoch']}.{made.json['seq']}"
    older.kill()
    newer.kill()


def test_it_goes_by_the_role(code: Path, author: PromptRepository, tmp_path: Path) -> None:
    """A token with capabilities gives no more there; and this version reads what the older one writes."""
    data, release = tmp_path / "data", "/v1/environments/production/releases/summarize"
    Older.code = code
    older, newer = Older(author.path, data), Registry(author.path, data)  # of a journal of format 1
    app, releaser = (
        newer.api.call("POST", "/v1/tokens", {"name": given[0], "capabilities": given}).json
        for given in (["app"], ["releaser", "judge"])
    )
    there, here = Api(older.url, app["secret"]), Api(newer.url, app["secret"])
    manager = Api(older.url, releaser["secret"])

    assert manager.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    assert (there.get(release).status, there.act("pause", "summarize").status) == (200, 403)
    assert older.api.call("DELETE", f"/v1/tokens/{app['id']}").status == 200
    until(lambda: here.get(release).status == 401, "the revocation")
    for registry in (older, newer):
        assert registry.stop() == 0
    assert run(code, "journal", "verify", "--data", data).returncode == 0
    verify = [*promptstage(), "journal", "verify", "--data", str(data)]
    assert subprocess.run(verify, check=False).returncode == 0


def test_a_backup_leads_back(code: Path, author: PromptRepository, tmp_path: Path) -> None:
    """The older code goes on from what was backed up before the upgrade."""
    Older.code = code
    older = Older(author.path, tmp_path / "data")
    assert older.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    assert older.stop() == 0
    command = [*promptstage(), "journal"]
    for words in (["backup", str(tmp_path / "one.bundle")], ["upgrade", "--yes"]):
        subprocess.run([*command, *words, "--data", str(tmp_path / "data")], check=True)
    assert run(code, "journal", "verify", "--data", tmp_path / "data").returncode == 1
    for words in (["restore", str(tmp_path / "one.bundle")], ["recover", "--yes"], ["verify"]):
        done = run(code, "journal", *words, "--data", tmp_path / "back")
        assert done.returncode == 0, done.stderr
    again = Older(author.path, tmp_path / "back")

    assert again.api.act("promote", "summarize", {"version": "1.1.0"}).status == 200
    again.kill()
