"""``promptstage journal``, on the folder of a registry that runs, and on folders of none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from journal.story import promote, tell
from support import Registry, Valkey, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.shell import Cli, Done
    from support import PromptRepository


@pytest.fixture
def journal(cli: Cli, served: Registry) -> Cli:
    """The command line on the machine of a registry that runs and has something to tell."""
    served.api.act("promote", "summarize", {"version": "1.0.0"}, "staging")
    cli.environment["PROMPTSTAGE_DATA"] = str(served.data)
    return cli


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Redis that outlives registries."""
    server = Valkey(tmp_path)
    yield server
    server.kill()


def run(cli: Cli, *arguments: object) -> Done:
    """Run a command that must succeed."""
    done = cli("journal", *arguments)
    assert done.code == 0, done.err
    return done


def test_verify_while_a_registry_runs(journal: Cli, served: Registry) -> None:
    """What it holds, and that it is whole."""
    out = run(journal, "verify").out
    report = json.loads(run(journal, "verify", "--json").out)

    assert f"Journal:   {served.data}\n" in out
    assert out.endswith("The journal is whole\n")
    assert report["problems"] == []
    assert report["changes"] == report["newest"]["seq"] + 1


def test_pack_while_a_registry_runs(journal: Cli, served: Registry) -> None:
    """It says how much room that made, and the registry writes on."""
    out = run(journal, "pack").out
    written = served.api.call("POST", "/v1/tokens", {"name": "after packing", "role": "reader"})

    assert re.fullmatch(rf"{served.data}: the journal takes [0-9.]+ [KM]iB, [0-9.]+ [KM]iB before\n", out)
    assert written.status == 201
    assert json.loads(run(journal, "verify", "--json").out)["problems"] == []


def test_every_change_has_an_actor(journal: Cli, served: Registry) -> None:
    """Of every kind: the registry's own, an action, and those of tokens."""
    made = served.api.call("POST", "/v1/tokens", {"name": "passing", "role": "reader"}).json
    served.api.call("DELETE", f"/v1/tokens/{made['id']}", Idempotency_Key="once")
    command = ["git", "-C", str(served.data / "journal.git"), "log", "--format=%H", "main"]
    found = {}
    for commit in subprocess.check_output(command, text=True).split():
        show = ["git", "-C", str(served.data / "journal.git"), "show", f"{commit}:change.json"]
        change = json.loads(subprocess.check_output(show))
        found[change["op"]] = change["actor"]

    assert found["create"] == "registry"
    assert {found[op] for op in ("promote", "token.create", "token.revoke")} == {"admin"}


def test_verify_says_what_is_wrong(cli: Cli, journal: Cli, tmp_path: Path, served: Registry) -> None:
    """And what to do about it; exit code 1."""
    shutil.copytree(served.data, tmp_path / "copy")
    (tmp_path / "copy/journal.git/refs/heads/main").write_text("garbage")
    done = cli("journal", "verify", "--data", tmp_path / "copy")

    assert (done.code, "Error: git fsck failed" in done.err) == (1, True)
    assert "promptstage journal recover" in done.err


def test_a_backup_is_restored(journal: Cli, tmp_path: Path) -> None:
    """Of a registry that runs, into a new folder; only its user can read it."""
    before = json.loads(run(journal, "verify", "--json").out)
    run(journal, "backup", tmp_path / "one.bundle")
    done = run(journal, "restore", tmp_path / "one.bundle", "--data", tmp_path / "new")
    after = json.loads(run(journal, "verify", "--data", tmp_path / "new", "--json").out)

    assert (tmp_path / "one.bundle").stat().st_mode & 0o777 == 0o600
    assert after["newest"] == before["newest"]
    assert f"promptstage journal recover --data {tmp_path / 'new'}" in done.err
    assert "tokens that were revoked since then are valid again" in done.err


def test_a_backup_replaces_nothing_by_itself(journal: Cli, tmp_path: Path) -> None:
    """--force does."""
    file = tmp_path / "one.bundle"
    file.write_text("precious")
    refused = journal("journal", "backup", file)

    assert (refused.code, "--force" in refused.err, file.read_text()) == (1, True, "precious")
    run(journal, "backup", file, "--force")
    assert file.read_bytes().startswith(b"# v2 git bundle\n")


def test_a_journal_is_never_restored_over(journal: Cli, tmp_path: Path) -> None:
    """The one that is there has to be moved away first."""
    run(journal, "backup", tmp_path / "one.bundle")
    done = journal("journal", "restore", tmp_path / "one.bundle")

    assert (done.code, "holds journal.git and journal.json already" in done.err) == (1, True)


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_a_damaged_backup_restores_nothing(journal: Cli, tmp_path: Path, damage: str) -> None:
    """Not a part of it, either."""
    file, new = tmp_path / "one.bundle", tmp_path / "new"
    run(journal, "backup", file)
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    file.write_bytes({"cut": whole[:middle], "flipped": flipped, "other": b"something else"}[damage])
    done = journal("journal", "restore", file, "--data", new)

    assert (done.code, "damaged" in done.err) == (1, True)
    assert [path.name for path in new.glob("*") if path.name != "journal.lock"] == []


@pytest.fixture
def mirrored(journal: Cli, tmp_path: Path) -> Iterator[Path]:
    """A mirror of the journal of a registry that runs."""
    run(journal, "mirror", tmp_path / "copy.git")
    yield tmp_path / "copy.git"
    journal("journal", "mirror", "--stop")


def test_a_mirror_follows(journal: Cli, served: Registry, mirrored: Path) -> None:
    """It is made where nothing is; from then on the registry pushes, and the command tells how far it is."""
    newest = served.api.act("promote", "summarize", {"version": "1.1.0"}, "staging").json
    until(lambda: '"lag_changes": 0' in run(journal, "mirror", "--json").out, "the mirror")
    out = run(journal, "mirror").out
    again = run(journal, "mirror", mirrored).out

    assert out.startswith(f"Mirror:    {mirrored}\nHolds:     all up to {newest['epoch']}.{newest['seq']}, ")
    assert out.endswith("Behind:    by nothing\n")
    assert again == f"{mirrored} is at {newest['epoch']}.{newest['seq']}, the newest change\n"


def test_a_mirror_that_is_away(journal: Cli, served: Registry, mirrored: Path) -> None:
    """What it lacks, and why; exit code 1. The command makes no other one in its place."""
    mirrored.rename(mirrored.with_name("away"))
    served.api.act("promote", "summarize", {"version": "1.2.0"}, "staging")
    until(lambda: journal("journal", "mirror").code, "the trouble")
    shown = journal("journal", "mirror")
    refused = journal("journal", "mirror", mirrored)

    assert "Behind:    by 1 change, the oldest " in shown.out
    assert "if it is on a disk of its own, mount that" in shown.err
    assert (refused.code, mirrored.exists()) == (1, False)
    assert json.loads(journal("journal", "mirror", "--json").out)["lag_changes"] == 1


def test_another_mirror_takes_its_place(journal: Cli, mirrored: Path) -> None:
    """It is made where nothing is, like the first one; the old one stays as it was."""
    other = mirrored.with_name("other.git")

    assert run(journal, "mirror", other).out.startswith(f"{other} is at ")
    assert json.loads(run(journal, "mirror", "--json").out)["url"] == str(other)
    assert mirrored.exists()


def test_a_mirror_that_is_given_up(journal: Cli, mirrored: Path) -> None:
    """Nobody pushes there any more; what is there stays."""
    assert run(journal, "mirror", "--stop").out == f"{mirrored} is not kept up to date any more\n"
    assert "The journal has no mirror" in run(journal, "mirror").out
    assert json.loads(run(journal, "mirror", "--json").out) == {"url": None}
    assert mirrored.exists()


def test_a_mirror_overwrites_nobody(journal: Cli, author: PromptRepository) -> None:
    """Another repository is left alone, and a password is not put on the command line."""
    head = author.git("rev-parse", "main")
    done = journal("journal", "mirror", author.path)

    assert (done.code, "was left alone" in done.err, author.git("rev-parse", "main")) == (1, True, head)
    assert "a password in a URL" in journal("journal", "mirror", "https://me:secret@example.org/x.git").err


def test_another_folder_is_meant(cli: Cli) -> None:
    """Where there is no journal, every command says so."""
    for arguments in (["verify"], ["backup", "x"], ["mirror", "x.git"], ["recover"]):
        done = cli("journal", *arguments)
        assert (done.code, "--data" in done.err, "Traceback" in done.err) == (1, True, False)


def test_an_old_backup_goes_on_after_a_recovery(
    cli: Cli, author: PromptRepository, tmp_path: Path, valkey: Valkey
) -> None:
    """It is behind what Redis has seen: recovered, it has that too, and takes changes again."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        author.tag("summarize", version)
    registry = Registry(author.path, tmp_path / "data", redis_url=valkey.url)
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    run(cli, "backup", tmp_path / "old.bundle", "--data", tmp_path / "data")
    registry.api.act("promote", "summarize", {"version": "1.1.0"})
    registry.kill()
    shutil.copytree(tmp_path / "data/mirror.git", tmp_path / "new/mirror.git")
    cli.environment["PROMPTSTAGE_DATA"] = str(tmp_path / "new")
    run(cli, "restore", tmp_path / "old.bundle")
    done = run(cli, "recover", "--redis-url", valkey.url)
    restored = Registry(author.path, tmp_path / "new", redis_url=valkey.url)

    assert "it knows 1 state better" in done.err
    assert restored.api.state("summarize")["stable"]["version"] == "1.1.0"
    assert restored.api.act("promote", "summarize", {"version": "1.2.0"}).status == 200
    run(cli, "verify")
    restored.kill()


def test_a_registry_that_serves_is_mended(cli: Cli, author: PromptRepository, tmp_path: Path) -> None:
    """It lost its journal under its feet; its own Redis has what it serves, so it goes on without a stop."""
    author.tag("summarize", "1.0.0")
    author.tag("summarize", "1.1.0")
    registry = Registry(author.path, tmp_path / "data")
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    shutil.rmtree(tmp_path / "data/journal.git")
    done = run(cli, "recover", "--data", tmp_path / "data")
    answer = until(lambda: _promoted(registry), "the registry to write again")

    assert answer["state"]["previous"]["version"] == "1.0.0"
    assert "the history and all tokens of before could not be read" in done.err
    run(cli, "verify", "--data", tmp_path / "data")
    registry.kill()


def test_a_lost_disk(cli: Cli, author: PromptRepository, tmp_path: Path) -> None:
    """The mirror, a new folder, one command: the registry goes on, and says what is to be done."""
    author.tag("summarize", "1.0.0")
    registry = Registry(author.path, tmp_path / "data")
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    run(cli, "mirror", tmp_path / "m.git", "--data", tmp_path / "data")
    registry.kill()
    shutil.rmtree(tmp_path / "data")
    done = run(cli, "recover", "--mirror", tmp_path / "m.git", "--data", tmp_path / "new")
    again = Registry(author.path, tmp_path / "new")

    assert again.api.state("summarize")["stable"]["version"] == "1.0.0"
    assert f"to go on: promptstage journal mirror {tmp_path / 'm.git'}" in done.err
    assert "what was acknowledged after that" in done.err
    again.kill()


def test_a_lost_journal_comes_back_from_the_mirror_that_is_remembered(
    cli: Cli, author: PromptRepository, tmp_path: Path
) -> None:
    """Nobody has to name it; one that is away may know more, and is not passed over by accident."""
    author.tag("summarize", "1.0.0")
    cli.environment["PROMPTSTAGE_DATA"] = str(tmp_path / "data")
    Registry(author.path, tmp_path / "data").stop()
    run(cli, "mirror", tmp_path / "m.git")
    shutil.rmtree(tmp_path / "data/journal.git")
    (tmp_path / "m.git").rename(tmp_path / "away")
    refused = cli("journal", "recover")
    (tmp_path / "away").rename(tmp_path / "m.git")
    done = run(cli, "recover")

    assert (refused.code, "or go on --without-mirror" in refused.err) == (1, True)
    assert f", {tmp_path / 'm.git'}" in done.err
    assert json.loads(run(cli, "verify", "--json").out)["problems"] == []


def _promoted(registry: Registry) -> dict[str, dict[str, dict[str, str]]] | None:
    answer = registry.api.act("promote", "summarize", {"version": "1.1.0"})
    return answer.json if answer.status == 200 else None


def test_a_redis_that_is_down_may_know_more(cli: Cli, journal: Cli, tmp_path: Path, served: Registry) -> None:
    """Nobody goes on without it by accident."""
    shutil.copytree(served.data, tmp_path / "copy")
    cli.environment["PROMPTSTAGE_REDIS_URL"] = "redis://127.0.0.1:1"
    refused = cli("journal", "recover", "--data", tmp_path / "copy")
    done = cli("journal", "recover", "--data", tmp_path / "copy", "--without-redis")

    assert (refused.code, "--without-redis" in refused.err) == (1, True)
    assert done.code == 0, done.err


def test_a_shared_journal_that_was_turned_back_goes_on_from_the_newest_copy(cli: Cli, tmp_path: Path) -> None:
    """What was recovered is pushed to it; one that holds other changes is left alone."""
    data, shared = tell(tmp_path / "data", "1.0.0", "1.1.0"), tmp_path / "shared.git"
    copy = ["git", f"--git-dir={data / 'journal.git'}"]
    git = ["git", f"--git-dir={shared}"]
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", shared], check=True)
    subprocess.run([*copy, "push", "--quiet", shared, "main~1:refs/heads/main"], check=True)
    cli.environment |= {"PROMPTSTAGE_DATA": str(data), "PROMPTSTAGE_JOURNAL": str(shared)}

    assert f"{shared} is at " in run(cli, "recover", "--yes").out
    heads = [subprocess.check_output([*where, "rev-parse", "main"]) for where in (copy, git)]
    assert heads[0] == heads[1]
    promote(data, "1.0.0")
    subprocess.run([*git, "update-ref", "refs/heads/main", "main~1"], check=True)
    others = (
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@y",
        "commit-tree",
        "-p",
        "main",
        "-m",
        "x",
        "main^{tree}",
    )
    other = subprocess.check_output([*git, *others], text=True).strip()
    subprocess.run([*git, "update-ref", "refs/heads/main", other], check=True)

    assert cli("journal", "recover", "--yes").code == 1
    assert subprocess.check_output([*git, "rev-parse", "main"], text=True).strip() == other
