"""The table of pins: lines are added, and nothing else ever happens to them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from support import until

from registry.catalog.catalog import Catalog
from registry.catalog.mirror import fetch
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.mirror.pins import FEW, Pins, Seen, Table, line_of, since
from registry.errors import GitFailed, Unavailable
from registry.git.command import Git

if TYPE_CHECKING:
    from pathlib import Path

    from support import PromptRepository

A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize("others", [0, FEW + 1])
def test_a_pinned_tag_keeps_its_object(tmp_path: Path, others: int) -> None:
    """Whether few tags are added or many, and also for one of which another's tag is a part."""
    pins = Pins(tmp_path / "pins")
    pins.add([line_of("x/a/v1.0.0", A), line_of("a/v1.0.0-rc.1", A)])

    pins.add(
        [line_of("x/a/v1.0.0", B), line_of("a/v1.0.0", B)]
        + [line_of(f"o/v{i}.0.0", B) for i in range(others)]
    )

    table = Pins(tmp_path / "pins").read()
    assert table is not None
    assert table.lines.splitlines()[:3] == [
        line_of("x/a/v1.0.0", A),
        line_of("a/v1.0.0-rc.1", A),
        line_of("a/v1.0.0", B),
    ]


def test_what_was_added_is_told_from_another_table(tmp_path: Path) -> None:
    """Who has read a table reads on; who has read one that is gone begins anew."""
    pins = Pins(tmp_path / "pins")
    pins.add([line_of("a/v1.0.0", A)])
    before = pins.read() or Table()
    pins.add([line_of("b/v1.0.0", B)])
    after = pins.read() or Table()

    assert since(after, Seen(len(before.lines), before.digest)) == [line_of("b/v1.0.0", B)]
    assert since(before, Seen(len(after.lines), after.digest)) is None
    assert since(after, Seen()) == after.lines.splitlines()


@pytest.mark.parametrize("cut", [1, 30, 65, 66, 100])
def test_a_damaged_table_is_refused(tmp_path: Path, cut: int) -> None:
    """It is not taken for one with fewer pins, which would let a moved tag in; the remedy is named."""
    pins = Pins(tmp_path / "pins")
    pins.add([line_of("a/v1.0.0", A), line_of("b/v1.0.0", B)])
    whole = (tmp_path / "pins").read_bytes()
    (tmp_path / "pins").write_bytes(whole[:-cut])

    with pytest.raises(GitFailed, match="restore the data folder from a backup"):
        Pins(tmp_path / "pins").read()
    with pytest.raises(GitFailed, match="is damaged"):
        pins.add([line_of("c/v1.0.0", A)])


def test_a_look_that_died_in_writing_pins_is_done_again(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """What it left is no table."""
    author.tag("a", "1.0.0")
    mirror.sync()
    (tmp_path / "data/mirror.git/pins.new").write_bytes(b"0" * 30)
    author.tag("a", "1.1.0")

    mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0", "a/v1.1.0"]


def test_a_table_that_cannot_be_written_pins_nothing(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """What was pinned stays, and the tag arrives when there is room."""
    author.tag("a", "1.0.0")
    mirror.sync()
    (tmp_path / "data/mirror.git/pins.new").mkdir()
    author.tag("a", "1.1.0")

    with pytest.raises(Unavailable, match="the mirror cannot be written"):
        mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0"]
    (tmp_path / "data/mirror.git/pins.new").rmdir()
    mirror.sync()
    assert list(mirror.tags()) == ["a/v1.0.0", "a/v1.1.0"]


def test_the_refs_of_an_older_registry_become_pins(author: PromptRepository, tmp_path: Path) -> None:
    """Before the first look already; a tag that moved since stays, and is reported."""
    for version in ("1.0.0", "1.1.0"):
        author.tag("a", version)
    folder = tmp_path / "data/mirror.git"
    author.git("clone", "--quiet", "--mirror", str(author.path), str(folder))
    pinned = author.git("rev-parse", "a/v1.0.0")
    author.git("tag", "--force", "-m", "x", "a/v1.0.0", "HEAD")
    mirror = Mirror(tmp_path / "data", str(author.path))
    before = mirror.tags()

    mirror.sync()

    assert list(before) == ["a/v1.0.0", "a/v1.1.0"]
    assert mirror.tags() == before
    assert [moved["pinned"] for moved in mirror.report()["moved"]] == [pinned]
    assert author.git("-C", str(folder), "for-each-ref", "refs/tags") == ""
    mirror.close()


def test_nothing_that_is_pinned_is_ever_collected(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """Whoever runs git's garbage collection in the mirror, and though no ref names the object any more."""
    author.tag("a", "1.0.0")
    mirror.sync()
    author.git("checkout", "--quiet", "--orphan", "other")
    author.tag("a", "1.1.0")
    mirror.sync()
    folder = str(tmp_path / "data/mirror.git")
    for oid in author.git("-C", folder, "for-each-ref", "--format=%(objectname)", "refs/kept").split():
        author.git("-C", folder, "update-ref", "-d", f"refs/kept/{oid}")

    collected = Git(tmp_path / "data/mirror.git")
    for command in (
        ("gc", "--prune=now", "--quiet"),
        ("prune", "--expire=now"),
        ("repack", "-a", "-d", "-q"),
    ):
        with suppress(GitFailed):  # git refuses most of it, and says why: the objects are precious
            collected.run(*command)
    mirror.sync()

    catalog = Catalog(Mirror(tmp_path / "data", str(author.path)))
    catalog.adopt()
    assert [catalog.read("a", version).status for version in catalog.versions("a")] == ["valid", "valid"]


def test_the_youngest_commits_alone_have_refs(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others lose theirs, also a damaged one; what has none is there all the same."""
    monkeypatch.setattr(fetch, "KEPT", 2)
    monkeypatch.setattr(fetch, "MORE", 1)
    kept = tmp_path / "data/mirror.git/refs/kept"
    numbers = []
    for day in range(1, 7):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-03-{day:02}T12:00:00Z")
        author.tag("a", f"1.{day}.0")
        mirror.sync()
        numbers.append(len(list(kept.iterdir())))
        if day == 4:
            for file in kept.iterdir():
                file.write_bytes(b"")
    now = {file.name for file in kept.iterdir()}

    assert numbers == [1, 2, 3, 2, 3, 2]
    assert now == {author.git("rev-parse", f"a/v1.{day}.0^{{}}") for day in (5, 6)}
    assert mirror.report()["error"] is None
    assert len(mirror.tags()) == 6


def test_a_great_repository_comes_in_parts(
    author: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First all names, then the newest versions, then the others; in the end all is as it is in one part."""
    tags = [(f"p{i}", f"1.{i}.{j}") for i in range(3) for j in range(4)]
    for tag in tags:
        author.tag(*tag)
    other = Mirror(tmp_path / "other", str(author.path))
    other.sync()
    monkeypatch.setattr(fetch, "GREAT", 5)
    monkeypatch.setattr(fetch, "BATCH", 2)
    catalog, seen = Catalog(mirror), []

    def follow() -> None:
        catalog.adopt()
        seen.append((sum(len(catalog.versions(name)) for name in catalog.names()), readable()))

    def readable() -> list[tuple[str, str]]:
        return [tag for tag in tags if _can_be_read(catalog, *tag)]

    mirror.sync(follow)

    assert seen[0] == (12, [])
    assert seen[1] == (12, [("p0", "1.0.3"), ("p1", "1.1.3"), ("p2", "1.2.3")])
    assert len(seen) == 2 + 12 / 2
    assert seen[-1] == (12, tags)
    assert mirror.tags() == other.tags()
    author.git("-C", str(tmp_path / "data/mirror.git"), "fsck", "--strict")
    other.close()


def _can_be_read(catalog: Catalog, name: str, version: str) -> bool:
    try:
        return catalog.read(name, version).status == "valid"
    except Unavailable as error:
        return error.code != "being_fetched"


def test_a_killed_look_loses_and_changes_no_pin(author: PromptRepository, tmp_path: Path) -> None:
    """At whatever moment it is killed, what is pinned is there and can be read, and the next look goes on."""
    head = author.git("rev-parse", "HEAD")
    for number in range(20):
        author.git("tag", "-m", "x", f"p{number}/v1.0.0", head)
    script = f"""
from pathlib import Path
from registry.catalog.mirror import fetch
from registry.catalog.mirror.mirror import Mirror
fetch.GREAT, fetch.BATCH = 3, 2
print("begun", flush=True)
Mirror(Path({str(tmp_path / "data")!r}), {str(author.path)!r}).sync()
"""
    mirror = Mirror(tmp_path / "data", str(author.path))
    before: dict[str, str] = {}
    for moment in range(8):
        looking = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert looking.stdout is not None
        assert looking.stdout.readline() == b"begun\n"
        with suppress(subprocess.TimeoutExpired):
            looking.wait(0.03 * moment)
        looking.kill()
        looking.communicate()
        now = mirror.tags()
        assert before.items() <= now.items()
        assert all(mirror.about(oid).commit == head for oid in now.values())
        before = now

    until(lambda: _looked(mirror), "git, which may outlive who started it")

    assert mirror.tags() == {f"p{i}/v1.0.0": author.git("rev-parse", f"p{i}/v1.0.0") for i in range(20)}
    mirror.close()


def _looked(mirror: Mirror) -> bool:
    try:
        mirror.sync()
    except Unavailable:
        return False
    return True
