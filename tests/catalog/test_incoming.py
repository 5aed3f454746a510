"""What a fetch brings: all that versions need, no more than that, and nothing of one that was cut off."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from git_hosts import HttpHost, http_host
from support import prompt

from registry.catalog.catalog import Catalog
from registry.catalog.mirror import incoming
from registry.catalog.mirror.mirror import Mirror
from registry.errors import GitFailed, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import PromptRepository

MIB = 1 << 20


def size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(file.stat().st_size for file in files(folder))


def files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def noise(author: PromptRepository, mebibytes: int = 4) -> None:
    """Commit a file, beside the prompts, that nothing makes smaller."""
    (author.path / "model.bin").write_bytes(os.urandom(mebibytes * MIB))


def statuses(mirror: Mirror, name: str = "a") -> list[str]:
    """What becomes of each version of a prompt, the newest first."""
    catalog = Catalog(mirror)
    catalog.adopt()
    return [catalog.read(name, version).status for version in catalog.versions(name)]


@pytest.fixture
def host(author: PromptRepository, tmp_path: Path) -> Iterator[HttpHost]:
    """A host that serves the author's repository over http."""
    with http_host(author.path.parent, "") as served:
        yield served


@pytest.fixture
def remote(host: HttpHost, author: PromptRepository, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of what that host serves."""
    made = Mirror(tmp_path / "remote", f"{host.url}/{author.path.name}/.git")
    yield made
    made.close()


def test_files_beside_the_prompts_stay_where_they_are(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """Great ones and small ones, in every version; also a later tag on what is here already."""
    noise(author)
    for number in range(200):
        (author.path / f"source{number}.py").write_bytes(b"%d" % number * 5000)
    author.tag("a", "1.0.0")
    author.tag("b", "1.0.0")
    mirror.sync()
    author.git("tag", "a/v1.1.0")
    mirror.sync()

    assert (statuses(mirror), statuses(mirror, "b")) == (["valid", "valid"], ["valid"])
    assert size(tmp_path / "data/mirror.git") < 200_000


@pytest.mark.parametrize("allowed", [True, False])
def test_a_host_may_leave_out_contents_or_not(
    author: PromptRepository, remote: Mirror, tmp_path: Path, allowed: bool
) -> None:
    """A host that cannot sends all; what is served is the same."""
    author.git("config", "uploadpack.allowFilter", str(allowed).lower())
    noise(author)
    author.tag("a", "1.0.0")
    (author.path / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ../x\n')
    author.tag("a", "1.1.0")
    remote.sync()

    assert statuses(remote) == ["valid", "valid"]
    assert (size(tmp_path / "remote/mirror.git") < MIB) == allowed


def test_the_usual_tag_takes_one_fetch(author: PromptRepository, host: HttpHost, remote: Mirror) -> None:
    """With all small files that are new; one that brings much beside the prompts takes two."""
    author.git("config", "uploadpack.allowFilter", "true")
    author.tag("a", "1.0.0")
    remote.sync()
    asked = []
    for size in (10_000, 200_000):
        (author.path / "data.bin").write_bytes(os.urandom(size))
        author.tag("a", f"1.0.{size}")
        before = len(host.seen)
        remote.sync()
        asked.append(len(host.seen) - before)

    assert statuses(remote) == ["valid"] * 3
    assert asked == [4, 8]


def test_where_much_is_beside_the_prompts_it_stays_there(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """Also with later tags; a commit that came without a content does not stop it from coming later."""
    author.tag("a", "1.0.0")
    mirror.sync()
    for number in range(8):
        (author.path / f"data{number}.bin").write_bytes(os.urandom(100_000))
    author.tag("b", "1.0.0")
    author.git("tag", "--delete", "b/v1.0.0")
    author.tag("a", "1.1.0")
    mirror.sync()
    for number in range(incoming.APART):
        author.tag("a", f"1.2.{number}")
        mirror.sync()
    author.tag("a", "1.3.0")
    author.git("tag", "b/v1.1.0")
    mirror.sync()

    assert mirror.report()["error"] is None
    assert statuses(mirror) == ["valid"] * (incoming.APART + 3)
    assert statuses(mirror, "b") == ["valid"]
    assert size(tmp_path / "data/mirror.git") < 100_000


def test_many_new_tags_come_with_small_files(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for the file of each would take longer; great ones stay where they are all the same."""
    monkeypatch.setattr(incoming, "FEW", 1)
    noise(author)
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0")
    mirror.sync()

    assert statuses(mirror) == ["valid", "valid"]
    assert size(tmp_path / "data/mirror.git") < MIB


def test_a_line_that_breaks_leaves_nothing_and_blames_no_tag(
    author: PromptRepository, host: HttpHost, remote: Mirror, tmp_path: Path
) -> None:
    """Again and again; when it holds, all is there at once."""
    author.git("config", "uploadpack.allowFilter", "false")
    noise(author)
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0")
    host.cut = MIB
    for _ in range(3):
        with pytest.raises(GitFailed):
            remote.sync()
    left = size(tmp_path / "remote/mirror.git")
    requests = len(host.seen)
    host.cut = None
    remote.sync()

    assert left < 10_000
    assert requests < 20
    assert (remote.report()["error"], remote.report()["failed"]) == (None, {})
    assert statuses(remote) == ["valid", "valid"]


def test_what_an_older_registry_or_a_kill_left_is_removed(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """Unfinished packs and objects, and whole fetches; nothing else."""
    author.tag("a", "1.0.0")
    mirror.sync()
    folder = tmp_path / "data/mirror.git"
    before = files(folder)
    for name in ("objects/pack/tmp_pack_x", "objects/ab/tmp_obj_x", "incoming.git/objects/pack/tmp_pack_y"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    again = Mirror(tmp_path / "data", str(author.path))
    again.sync()
    again.close()

    assert [path for path in sorted(folder.rglob("*")) if path.is_file()] == [
        p for p in before if p.is_file()
    ]


def test_a_file_too_great_for_a_prompt_is_not_kept(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """The version says so, and the ones beside it come."""
    author.tag("b", "1.0.0")
    author.tag("a", "1.0.0", os.urandom(4 * MIB))
    author.tag("b", "1.1.0")
    mirror.sync()
    catalog = Catalog(mirror)
    catalog.adopt()
    found = catalog.read("a", "1.0.0")

    assert (found.status, found.problem and found.problem["path"]) == ("invalid", "prompts/a.prompt.yml")
    assert found.problem
    assert "more than 256 KiB" in found.problem["message"]
    assert statuses(mirror, "b") == ["valid", "valid"]
    assert (mirror.wants, size(tmp_path / "data/mirror.git") < MIB) == (False, True)


def test_no_fetch_takes_the_reserve(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is nearly full nothing is fetched, the report says so, and it goes on with room."""
    author.tag("a", "1.0.0")
    mirror.sync()
    author.tag("a", "1.1.0")
    with monkeypatch.context() as patch:
        patch.setattr(incoming, "RESERVE", shutil.disk_usage(tmp_path).total)
        patch.setattr(incoming, "SHARE", 1)
        with pytest.raises(GitFailed, match="kept for changes; make room"):
            mirror.sync()
        error = mirror.report()["error"]
    mirror.sync()

    assert "kept for changes" in error
    assert statuses(mirror) == ["valid", "valid"]


def test_a_fetch_that_does_not_fit_is_ended(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the fault of the tag that needs as much; the others come."""
    author.tag("a", "1.0.0")
    noise(author)
    author.git("tag", "b/v1.0.0", author.git("hash-object", "-w", "model.bin"))
    monkeypatch.setattr(incoming, "room_of", lambda _: MIB)
    mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0"]
    assert "more room on the disk" in mirror.report()["failed"]["b/v1.0.0"]["error"]
    assert size(tmp_path / "data/mirror.git") < 50_000


@pytest.mark.parametrize("kind", ["tag", "commit", "tree", "blob"])
def test_an_object_that_was_lost_is_fetched_again(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, kind: str
) -> None:
    """Whichever it is, without a person; meanwhile the reason says so."""
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0")
    mirror.sync()
    names = {"tag": "a/v1.0.0", "commit": "a/v1.0.0^{}", "tree": "a/v1.0.0^{}:prompts"}
    oid = author.git("rev-parse", names.get(kind, "a/v1.0.0:prompts/a.prompt.yml"))
    mirror.close()
    (tmp_path / "data/mirror.git/objects" / oid[:2] / oid[2:]).unlink()

    with pytest.raises(Unavailable, match="fetches it again"):
        statuses(mirror)
    revision = mirror.revision()
    assert mirror.wants
    mirror.sync()

    assert (mirror.wants, mirror.revision() != revision) == (False, True)
    assert statuses(mirror) == ["valid", "valid"]


def test_an_object_that_is_lost_everywhere_is_asked_for_now_and_then(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """The reason names it, and says what helps."""
    author.tag("a", "1.0.0")
    mirror.sync()
    oid = author.git("rev-parse", "a/v1.0.0:prompts/a.prompt.yml")
    mirror.close()
    for folder in (tmp_path / "data/mirror.git", author.path / ".git"):
        (folder / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(Unavailable):
        statuses(mirror)
    mirror.sync()

    with pytest.raises(GitFailed, match=f"{oid} is missing from the mirror, .* Push it there again"):
        statuses(mirror)
    assert not mirror.wants


@pytest.mark.parametrize("beside", [1_000, 200_000])
def test_settings_come_before_the_files_that_they_name(
    author: PromptRepository, remote: Mirror, tmp_path: Path, beside: int
) -> None:
    """Whether all small files come at once, or contents alone: then the settings say which."""
    author.git("config", "uploadpack.allowFilter", "true")
    author.tag("b", "1.0.0")
    remote.sync()
    (author.path / "data.bin").write_bytes(os.urandom(beside))
    (author.path / "ai").mkdir()
    (author.path / "ai/a.prompt.yml").write_text(prompt("In the folder: {{text}}"))
    (author.path / "promptstage.toml").write_text('[prompts]\nfolder = "ai"\n')
    author.tag("b", "1.1.0")
    author.git("tag", "a/v1.0.0")
    remote.sync()

    assert (statuses(remote), statuses(remote, "b")) == (["valid"], ["invalid", "valid"])
    assert (size(tmp_path / "remote/mirror.git") < 100_000, remote.report()["failed"]) == (True, {})


def test_great_settings_are_not_kept(author: PromptRepository, remote: Mirror, tmp_path: Path) -> None:
    """The version says so."""
    author.git("config", "uploadpack.allowFilter", "true")
    (author.path / "promptstage.toml").write_bytes(os.urandom(4 * MIB))
    author.tag("a", "1.0.0")
    (author.path / "promptstage.toml").unlink()
    author.tag("b", "1.0.0")
    remote.sync()

    assert (statuses(remote), statuses(remote, "b")) == (["invalid"], ["valid"])
    assert size(tmp_path / "remote/mirror.git") < MIB
