"""The mirror: tags arrive, and never move or go."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support import PromptRepository, prompt

from registry.catalog.catalog import Catalog
from registry.catalog.mirror import fetch
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.mirror.tag_reader import File
from registry.errors import GitFailed, Unavailable
from registry.git.diagnosis import out_of_reach
from registry.system.locks import locked

if TYPE_CHECKING:
    from pathlib import Path


def raw_tree(author: PromptRepository, *entries: bytes) -> str:
    """Write a tree as no git of today would."""
    command = ["git", "-C", str(author.path), "hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    return (
        subprocess.run(command, input=b"".join(entries), capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


def tag_tree(author: PromptRepository, name: str, version: str, tree: str) -> None:
    """Commit a tree and tag that."""
    author.git("tag", f"{name}/v{version}", author.git("commit-tree", "-m", "x", tree))


def test_new_tags_arrive_with_the_ids_that_they_have(author: PromptRepository, mirror: Mirror) -> None:
    """Annotated tags as tags, light ones as commits."""
    author.tag("a", "1.0.0")
    author.git("tag", "support/b/v2.0.0-rc.1")

    mirror.sync()

    assert mirror.tags() == {
        "a/v1.0.0": author.git("rev-parse", "a/v1.0.0"),
        "support/b/v2.0.0-rc.1": author.git("rev-parse", "HEAD"),
    }


def test_a_later_look_fetches_what_is_new(author: PromptRepository, mirror: Mirror) -> None:
    """Only a look that brings something changes the revision."""
    author.tag("a", "1.0.0")
    mirror.sync()
    before = mirror.revision()

    mirror.sync()
    unchanged = mirror.revision()
    author.tag("a", "1.1.0")
    mirror.sync()

    assert unchanged == before != mirror.revision()
    assert list(mirror.tags()) == ["a/v1.0.0", "a/v1.1.0"]


def test_a_moved_tag_stays_and_is_reported(author: PromptRepository, mirror: Mirror) -> None:
    """What was seen first is the version for ever."""
    author.tag("a", "1.0.0")
    mirror.sync()
    pinned = mirror.tags()["a/v1.0.0"]

    author.git("tag", "--force", "a/v1.0.0", author.git("commit-tree", "-m", "x", "HEAD^{tree}"))
    mirror.sync()

    assert mirror.tags() == {"a/v1.0.0": pinned}
    moved = [{"tag": "a/v1.0.0", "pinned": pinned, "upstream": author.git("rev-parse", "a/v1.0.0")}]
    assert mirror.report()["moved"] == moved


def test_no_moved_tag_goes_uncounted(author: PromptRepository, mirror: Mirror) -> None:
    """A rewritten history moves all tags at once; they are counted, and the first of them named."""
    head = author.git("rev-parse", "HEAD")
    _tag_all(author, head)
    mirror.sync()

    _tag_all(author, author.git("commit-tree", "-m", "x", "HEAD^{tree}"))
    mirror.sync()

    report = mirror.report()
    assert (len(report["moved"]), report["moved_count"]) == (100, 150)
    assert set(mirror.tags().values()) == {head}


def _tag_all(author: PromptRepository, commit: str) -> None:
    refs = "".join(f"update refs/tags/a/v1.0.{i} {commit}\n" for i in range(150))
    command = ["git", "-C", str(author.path), "update-ref", "--stdin"]
    subprocess.run(command, input=refs.encode(), check=True)


def test_a_deleted_tag_stays(author: PromptRepository, mirror: Mirror) -> None:
    """Upstream cannot take a version back."""
    author.tag("a", "1.0.0")
    mirror.sync()

    author.git("tag", "--delete", "a/v1.0.0")
    mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_hostile_tags_never_arrive(author: PromptRepository, mirror: Mirror) -> None:
    """They are counted, and shown so that they do no harm."""
    head = author.git("rev-parse", "HEAD")
    hostile = [
        "-x/v1.0.0",
        "$(touch${IFS}x)/v1.0.0",
        "A/v1.0.0",
        "a/v01.0.0",
        "\u202ea/v1.0.0",
        "a/versions/v1.0.0",
    ]
    for name in [*hostile, "\udcff/v1.0.0"]:  # the last is the byte 0xff
        author.git("update-ref", f"refs/tags/{name}", head)
    with (author.path / ".git/packed-refs").open("ab") as refs:
        refs.write(head.encode() + b" refs/tags/c\x1b[31m/v1.0.0\n")
    author.tag("a", "1.0.0")

    mirror.sync()

    ignored = mirror.report()["ignored"]
    assert list(mirror.tags()) == ["a/v1.0.0"]
    assert {"$(touch${IFS}x)/v1.0.0", r"\u202ea/v1.0.0", r"\xff/v1.0.0"} <= set(ignored["sample"])
    assert ignored["count"] >= 7
    assert all(shown.isprintable() for shown in ignored["sample"])


def test_a_shallow_repository_is_read(author: PromptRepository, tmp_path: Path) -> None:
    """A clone without its history has all that a version needs; later it may have the rest."""
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0")
    author.git(
        "clone", "-q", "--depth", "1", "--branch", "a/v1.1.0", author.path.as_uri(), str(tmp_path / "x")
    )
    mirror = Mirror(tmp_path / "data", str(tmp_path / "x"))

    mirror.sync()
    shallow = list(mirror.tags())
    author.git("-C", str(tmp_path / "x"), "fetch", "-q", "--unshallow", "--tags")
    mirror.sync()
    whole = list(mirror.tags())
    mirror.close()

    assert (shallow, whole) == (["a/v1.1.0"], ["a/v1.0.0", "a/v1.1.0"])


def test_a_bad_tag_stops_no_other(author: PromptRepository, mirror: Mirror) -> None:
    """What git refuses is named; all the others arrive."""
    blob = author.git("hash-object", "-w", "--stdin")
    evil = raw_tree(author, b"100644 .git\0" + bytes.fromhex(blob))
    tag_tree(author, "evil", "1.0.0", evil)
    for i in range(9):
        author.git("tag", f"{'abcfghxyz'[i]}/v1.0.0")

    mirror.sync()

    assert "".join(tag[0] for tag in mirror.tags()) == "abcfghxyz"
    assert mirror.report()["error"].startswith(
        "tags that could not be fetched: 1, such as evil/v1.0.0: git fetch failed"
    )


def test_what_could_not_be_fetched_is_no_version(
    author: PromptRepository, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the look, as one at a great repository, showed it before it was there."""
    blob = author.git("hash-object", "-w", "--stdin")
    tag_tree(author, "evil", "1.0.0", raw_tree(author, b"100644 .git\0" + bytes.fromhex(blob)))
    for name in "abc":
        author.tag(name, "1.0.0")
    monkeypatch.setattr(fetch, "GREAT", 2)
    catalog, seen = Catalog(mirror), []

    mirror.sync(lambda: seen.append((catalog.adopt(), catalog.names())))
    catalog.adopt()

    assert seen[0] == (True, ["a", "b", "c", "evil"])
    assert catalog.names() == ["a", "b", "c"]


def test_old_tools_are_forgiven(author: PromptRepository, mirror: Mirror) -> None:
    """Real repositories hold trees with zero-padded modes."""
    blob = author.git("hash-object", "-w", "--stdin")
    inner = raw_tree(author, b"100644 a.prompt.yml\0" + bytes.fromhex(blob))
    tag_tree(author, "a", "1.0.0", raw_tree(author, b"040000 prompts\0" + bytes.fromhex(inner)))

    mirror.sync()

    _, file = mirror.read(mirror.tags()["a/v1.0.0"], "a")
    assert file == File("prompts/a.prompt.yml", "a.prompt.yml", b"", {})


def test_a_look_that_was_cut_off_is_finished(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """Locks that a killed git left behind stop nobody, and its tags are taken over."""
    author.tag("a", "1.0.0")
    mirror.sync()
    folder = tmp_path / "data/mirror.git"
    (folder / "packed-refs.lock").touch()
    (folder / "refs/tags/b").mkdir(parents=True)
    (folder / "refs/tags/b/v1.0.0.lock").touch()
    author.git("tag", "b/v1.0.0")

    mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0", "b/v1.0.0"]


def test_one_look_at_a_time(author: PromptRepository, mirror: Mirror, tmp_path: Path) -> None:
    """Who comes second is told so, and waits for nothing."""
    mirror.sync()

    with locked(tmp_path / "data/mirror.git/look.lock", wait=0), pytest.raises(Unavailable) as caught:
        mirror.sync()

    assert caught.value.code == "busy"


def test_processes_share_a_data_folder(author: PromptRepository, mirror: Mirror, tmp_path: Path) -> None:
    """Several look at once at an empty folder, and all see all tags."""
    for i in range(20):
        author.git("tag", f"p{i}/v1.0.0")
    script = f"""
import time
from pathlib import Path
from registry.catalog.mirror.mirror import Mirror
from registry.git.diagnosis import out_of_reach
mirror = Mirror(Path({str(tmp_path / "data")!r}), {str(author.path)!r})
while len(mirror.tags()) < 20:
    try:
        mirror.sync()
    except Exception as error:
        assert error.code == "busy", error
        time.sleep(0.01)
"""
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]

    assert [process.wait(timeout=30) for process in running] == [0, 0, 0]
    assert len(mirror.tags()) == 20


def test_a_repository_that_is_gone_changes_nothing(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """The report says what is wrong, until the next look that goes well."""
    author.tag("a", "1.0.0")
    mirror.sync()
    author.path.rename(tmp_path / "elsewhere")

    with pytest.raises(GitFailed, match="does not appear to be a git repository"):
        mirror.sync()
    error = mirror.report()["error"]
    (tmp_path / "elsewhere").rename(author.path)
    mirror.sync()

    assert "does not appear to be a git repository" in error
    assert mirror.report()["error"] is None
    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_a_mirror_that_cannot_be_written_says_so(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """Although the report of it cannot be written either; it goes on when it can."""
    author.tag("a", "1.0.0")
    obstacle = tmp_path / "data/mirror.git/report.new"
    obstacle.mkdir(parents=True)

    with pytest.raises(Unavailable, match="the mirror cannot be written: Is a directory") as raised:
        mirror.sync()

    assert (raised.value.code, mirror.report()["error"]) == ("mirror_unwritable", raised.value.message)
    obstacle.rmdir()
    mirror.sync()
    assert mirror.report()["error"] is None


def test_the_age_of_the_last_good_look(author: PromptRepository, mirror: Mirror, tmp_path: Path) -> None:
    """A look that fails does not make it younger."""
    before = mirror.seconds_since_sync()
    mirror.sync()
    report = tmp_path / "data/mirror.git/report.json"
    report.write_text(json.dumps({"synced_at": "2026-01-01T00:00:00Z"}))
    author.path.rename(tmp_path / "elsewhere")
    with pytest.raises(GitFailed):
        mirror.sync()

    then = datetime(2026, 1, 1, tzinfo=UTC)
    assert before is None
    assert mirror.seconds_since_sync() == pytest.approx((datetime.now(UTC) - then).total_seconds(), abs=60)


def test_no_repository_is_configured(tmp_path: Path) -> None:
    """The remedy is named, and nothing is made."""
    mirror = Mirror(tmp_path / "data", "")

    with pytest.raises(Unavailable, match="set PROMPTSTAGE_REPOSITORY"):
        mirror.sync()

    assert mirror.report()["error"] == "no prompt repository is configured; set PROMPTSTAGE_REPOSITORY"
    assert mirror.tags() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("upstream", "local"),
    [
        ("/srv/prompts", True),
        ("prompts", True),
        ("file:///srv/prompts", True),
        ("https://example.org/prompts.git", False),
        ("git@example.org:prompts.git", False),
    ],
)
def test_a_path_is_told_from_a_url(tmp_path: Path, upstream: str, local: bool) -> None:
    """A path may be looked at every second."""
    assert Mirror(tmp_path, upstream).local is local


def test_a_repository_that_runs_commands_is_refused(tmp_path: Path) -> None:
    """Git's `ext` transport is not one of ours."""
    with pytest.raises(GitFailed, match="transport 'ext' not allowed"):
        Mirror(tmp_path / "data", f"ext::touch {tmp_path}/ran").sync()

    assert not (tmp_path / "ran").exists()


def test_a_damaged_report_is_written_anew(author: PromptRepository, mirror: Mirror, tmp_path: Path) -> None:
    """It is only a view."""
    mirror.sync()
    report = tmp_path / "data/mirror.git/report.json"
    report.write_bytes(b"{")

    mirror.sync()

    assert json.loads(report.read_bytes())["error"] is None


def test_hooks_and_configuration_have_no_effect(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the user's settings nor the author's repository run anything here."""
    other = PromptRepository(tmp_path / "other")
    other.tag("stolen", "1.0.0", prompt())
    author.tag("a", "1.0.0")
    (tmp_path / ".gitconfig").write_text(f'[url "{other.path}"]\n\tinsteadOf = {author.path}\n')
    author.git("config", "uploadpack.packObjectsHook", f"touch {tmp_path}/ran;")
    monkeypatch.setenv("HOME", str(tmp_path))

    mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "words",
    [
        "fatal: write error: No space left on device",
        "error: fsync error on 'objects/4b/x': Input/output error",
        "error: unable to create temporary file: Read-only file system",
    ],
)
def test_a_disk_that_fails_is_no_tags_fault(words: str) -> None:
    """Else the tag would be tried again in five minutes only, although the disk may be well at once."""
    assert out_of_reach(GitFailed("it failed", words=words))
