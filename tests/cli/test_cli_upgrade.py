"""`journal upgrade` with registries that run: it waits for the last old one, and the new ones go on."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import Registry, Valkey, until

from registry.system.formats import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shell import Cli
    from support import PromptRepository

OLD = Path(__file__).parents[1] / "compatibility/0.1.0/data-0.1.0.tar.gz"
REPORTS = "{promptstage}:clients"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of the test's own."""
    (tmp_path / "valkey").mkdir()
    server = Valkey(tmp_path / "valkey")
    yield server
    server.kill()


@pytest.fixture
def registry(cli: Cli, author: PromptRepository, tmp_path: Path, valkey: Valkey) -> Iterator[Registry]:
    """A registry on a data folder that 0.1.0 made."""
    with tarfile.open(OLD) as packed:
        packed.extractall(tmp_path, filter="data")
    author.tag("summarize", "1.4.0")
    cli.environment |= {"PROMPTSTAGE_DATA": str(tmp_path / "data"), "PROMPTSTAGE_REDIS_URL": valkey.url}
    started = Registry(author.path, tmp_path / "data", redis_url=valkey.url)
    yield started
    started.kill()


def number(valkey: Valkey) -> str | None:
    """The format of what Redis holds."""
    with valkey.client() as client:
        return str(client.hget("{promptstage}:states", "format"))


def test_an_upgrade_of_a_registry_that_runs(cli: Cli, registry: Registry, valkey: Valkey) -> None:
    """It stays in the old format until then, and goes on in the new one without a restart."""
    act = registry.api.act
    assert act("promote", "summarize").status == 200
    assert number(valkey) == "1"
    assert "upgrade makes it" in cli("journal", "verify").out
    (journal,) = [c for c in registry.api.get("/v1/doctor").json["checks"] if c["name"] == "journal"]
    assert (journal["status"], "its format is 1" in journal["message"]) == ("ok", True)

    dry = cli("journal", "upgrade", "--dry-run")
    assert (dry.code, f"Format {NEWEST}:" in dry.err, "nothing was changed" in dry.err) == (0, True, True)
    assert json.loads(cli("journal", "verify", "--json").out)["format"] == 1
    done = cli("journal", "upgrade")
    assert done.out.startswith(f"The journal has format {NEWEST}, from change ")
    until(lambda: number(valkey) == str(NEWEST), "Redis to have it too")
    answer = act("promote", "summarize", {"version": "1.4.0"})
    assert (answer.status, answer.json["applied"]) == (200, True)
    found = json.loads(cli("journal", "verify", "--json").out)
    assert (found["format"], found["problems"]) == (NEWEST, [])
    again = cli("journal", "upgrade")
    assert (again.code, "there is nothing to do" in again.out) == (0, True)


def test_an_older_registry_that_runs_is_in_the_way(cli: Cli, registry: Registry, valkey: Valkey) -> None:
    """By what it tells the others, which says nothing of formats; so is a Redis that cannot be asked."""
    with valkey.client() as client:
        client.hset(REPORTS, "old", f'{client.time()[0]} {{"streams": {{}}, "held": []}}')
    until(lambda: _reports(valkey) == {"old", "new"}, "both to tell")
    refused = cli("journal", "upgrade", "--yes")
    valkey.kill()
    blind = cli("journal", "upgrade", "--yes")

    assert refused.code == 1
    assert "1 of 2 running registry processes know no format above 1" in refused.err
    assert (blind.code, "or go on --without-redis" in blind.err) == (1, True)
    assert json.loads(cli("journal", "verify", "--json").out)["format"] == 1


def _reports(valkey: Valkey) -> set[str]:
    with valkey.client() as client:
        return {"new" if '"format"' in report else "old" for report in client.hgetall(REPORTS).values()}


def test_nobody_runs(cli: Cli, registry: Registry, tmp_path: Path) -> None:
    """A copy of a stopped registry's folder is upgraded without a Redis."""
    registry.kill()
    shutil.copytree(registry.data, tmp_path / "copy")
    cli.environment.pop("PROMPTSTAGE_REDIS_URL")
    done = cli("journal", "upgrade", "--data", tmp_path / "copy")

    assert (done.code, f"format {NEWEST}" in done.out) == (0, True)
