"""Repositories in a format that cannot be used are refused by what is in the way."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import PromptRepository, prompt
from typer.testing import CliRunner

from registry.catalog.mirror.mirror import Mirror
from registry.cli.main import app
from registry.errors import GitFailed, Unavailable
from registry.git.remote import Credentials
from registry.git.repository import sweep, unsupported
from registry.journal.local import LocalJournal
from registry.journal.maintenance import mirror as journal_mirror
from registry.journal.remote import RemoteJournal

if TYPE_CHECKING:
    from collections.abc import Iterator

SHA256 = "SHA-256 objects, which Promptstage cannot read"
UNKNOWN = "uses the extension 'frobnicate', which git here does not know"


def configure(folder: Path, **values: str) -> None:
    """Write settings that git itself would not."""
    for key, value in values.items():
        name = key.replace("_", ".")
        subprocess.run(["git", "config", "--file", str(folder / "config"), name, value], check=True)


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """An author's repository as git makes it."""
    return PromptRepository(tmp_path / "author")


@pytest.fixture(params=["sha256", "unknown", "newer"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[PromptRepository, str]:
    """An author's repository of an odd format, with one version, and what is to be said of it."""
    author = PromptRepository(tmp_path / "odd")
    if request.param == "sha256":
        for path in (author.path / ".git/HEAD", author.path / ".git/config"):
            path.unlink()
        author.git("init", "-q", "--object-format=sha256", "--initial-branch=main")
    author.tag("s", "1.0.0")
    if request.param == "unknown":
        configure(author.path / ".git", core_repositoryformatversion="1", extensions_frobnicate="true")
    if request.param == "newer":
        configure(author.path / ".git", core_repositoryformatversion="7")
    return author, {"sha256": SHA256, "unknown": UNKNOWN, "newer": "it has format 7"}[request.param]


def test_formats_are_told_by_name(odd: tuple[PromptRepository, str], author: PromptRepository) -> None:
    """What git can use is no matter, however it is configured."""
    configure(
        author.path / ".git",
        core_repositoryformatversion="1",
        extensions_worktreeConfig="true",
        extensions_preciousObjects="true",
        extensions_noop="true",
    )

    assert odd[1] in (unsupported(odd[0].path) or "")
    assert [unsupported(author.path), unsupported(Path("/nowhere"))] == [None, None]


def test_no_registry_reads_one(odd: tuple[PromptRepository, str], tmp_path: Path) -> None:
    """Neither as a path, at the start or while it runs, nor what a mirror was made of before."""
    author, said = odd
    mirror = Mirror(tmp_path / "data", str(author.path))
    with pytest.raises(GitFailed) as caught:
        mirror.sync()
    done = CliRunner().invoke(app, ["serve", "--repository", str(author.path), "--data", str(tmp_path / "d")])

    assert said in caught.value.message
    assert said in (mirror.report()["error"] or "")
    assert (done.exit_code, said in " ".join(done.output.split())) == (1, True)
    mirror.close()


def test_a_partial_clone_is_told_of_by_name(author: PromptRepository, tmp_path: Path) -> None:
    """It lacks what a registry reads, and gets none of it for others."""
    author.tag("s", "1.0.0")
    author.tag("s", "1.1.0")
    author.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    author.git("clone", "--quiet", "--filter=blob:none", "--bare", author.path.as_uri(), str(clone))
    mirror = Mirror(tmp_path / "data", str(clone))
    with pytest.raises(GitFailed, match="it is a partial clone, which lacks the contents of files; name the"):
        mirror.sync()
    mirror.close()


@pytest.mark.parametrize("command", ["check", "tag s", "init"])
def test_no_author_is_led_into_one(
    odd: tuple[PromptRepository, str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Before anything is made or said to be right."""
    author, said = odd
    monkeypatch.chdir(author.path)
    done = CliRunner().invoke(app, command.split())

    assert done.exit_code != 0
    assert said in " ".join(done.output.split())


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Path]:
    """A data folder with a journal."""
    folder = tmp_path / "journal"
    folder.mkdir()
    made = LocalJournal(folder)
    with made.lock() as lock:
        made.create(lock, 7, {})
    yield folder
    made.close()


def test_no_journal_is_shared_through_one(odd: tuple[PromptRepository, str], journal: Path) -> None:
    """Nor mirrored there; the reason is the same."""
    author, said = odd
    shared = RemoteJournal(journal, str(author.path / ".git"), Credentials())
    with pytest.raises(Unavailable) as reached, shared.lock() as lock:
        shared.refresh(lock)
    with pytest.raises(Unavailable) as mirrored:
        journal_mirror.push(journal, str(author.path / ".git"), Credentials())

    assert said in reached.value.message
    assert said in mirrored.value.message
    shared.close()


def test_what_is_unfinished_is_swept_by_its_name(author: PromptRepository) -> None:
    """Packs and objects that git has not finished, in all their folders; whatever else is there stays."""
    author.tag("s", "1.0.0", prompt())
    folder = author.path / ".git"
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    for name in ("pack/tmp_pack_x", "pack/.tmp-1-pack-x.pack", "00/tmp_obj_x", "tmp_objdir-incoming-x/ab/x"):
        (folder / "objects" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "objects" / name).touch()
    sweep(folder)

    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before
