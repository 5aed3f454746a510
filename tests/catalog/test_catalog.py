"""The catalog: which versions there are, and what is in them."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from support import prompt

from registry.catalog import version_cache
from registry.catalog.catalog import Catalog
from registry.catalog.mirror.pins import Pins, line_of
from registry.errors import GitFailed, NotFound
from registry.notify.tag_watch import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import PromptRepository

    from registry.catalog.mirror.mirror import Mirror

    Read = Callable[[], Catalog]
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def commit(author: PromptRepository, tag: str, **files: str | None) -> None:
    """Replace the whole tree by these files (None: a symbolic link), commit it, tag it lightly."""
    author.git("rm", "-r", "-q", "--ignore-unmatch", ".")
    for path, content in files.items():
        file = author.path / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            file.symlink_to("/etc/passwd")
        else:
            file.write_text(content)
    author.git("add", "--all")
    author.git("commit", "--quiet", "--allow-empty", "-m", "Change it\n\nFor a reason.")
    author.git("tag", tag)


def test_a_version_as_the_contract_has_it(author: PromptRepository, read: Read) -> None:
    """An annotated tag speaks for itself; the digest is that of the file's bytes."""
    author.tag("support/triage", "1.3.0", prompt("Hello"))

    version = read().read("support/triage", "1.3.0")

    digest = sha256(prompt("Hello").encode()).hexdigest()
    assert version.to_json(with_document=True) == {
        "name": "support/triage",
        "version": "1.3.0",
        "number": 1_003_000,
        "tag": "support/triage/v1.3.0",
        "commit": author.git("rev-parse", "HEAD"),
        "digest": f"sha256:{digest}",
        "author": "Ada <ada@example.org>",
        "tagged_at": "2026-03-02T12:00:00Z",
        "message": "support/triage 1.3.0",
        "status": "valid",
        "problem": None,
        "warnings": [],
        "partials": [],
        "document": {
            "title": "triage",
            "description": "",
            "model": "",
            "parameters": {},
            "response_format": "text",
            "json_schema": None,
            "variables": [],
            "messages": [{"role": "user", "content": "Hello"}],
            "metadata": {},
            "extra": {},
        },
    }


def test_a_light_tag_speaks_through_its_commit(author: PromptRepository, read: Read) -> None:
    """Author, time with their offset, and message are those of the commit."""
    commit(author, "a/v1.0.0", **{"prompts__a.prompt.yaml": prompt()})

    version = read().read("a", "1.0.0")

    assert (version.author, version.tagged_at) == ("Ada <ada@example.org>", "2026-03-01T12:00:00+01:00")
    assert version.message == "Change it\n\nFor a reason."


def test_lists_read_no_document(author: PromptRepository, read: Read) -> None:
    """A version that nobody read has no digest yet; reading it settles that."""
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0-rc.1", "messages: [\n")
    catalog = read()

    before = [(v.version, v.status, v.digest, v.author) for v in catalog.list("a")]
    catalog.read("a", "1.1.0-rc.1")
    listed = [v.to_json(with_document=False) for v in catalog.list("a")]

    ada = "Ada <ada@example.org>"
    assert before == [("1.1.0-rc.1", "unread", None, ada), ("1.0.0", "unread", None, ada)]
    assert [version["status"] for version in listed] == ["invalid", "unread"]
    assert "document" not in listed[0]
    assert listed[0]["problem"]["path"] == "prompts/a.prompt.yml"
    assert (listed[0]["problem"]["line"], listed[0]["problem"]["column"]) == (2, 1)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "a.prompt.yml is not in the tagged commit"),
        ({"prompts__b.prompt.yml": "x"}, "prompts/a.prompt.yml is not in the tagged commit"),
        (
            {"prompts__b.prompt.yml": "x", "a.prompt.yml": "x"},
            "prompts/a.prompt.yml is not in the tagged commit",
        ),
        ({"a.prompt.yml": "x", "a.prompt.yaml": "x"}, "a.prompt.yml and a.prompt.yaml are both there"),
        ({"a.prompt.yml": None}, "a.prompt.yml is a symbolic link"),
        ({"prompts__a.prompt.yml__x": "x"}, "prompts/a.prompt.yml is a folder"),
        ({"a.prompt.yml": "x" * (300 << 10)}, "a.prompt.yml has more than 256 KiB"),
        ({"a.prompt.yml": LFS_POINTER}, "a.prompt.yml is in Git LFS"),
    ],
)
def test_a_version_without_a_usable_file_is_invalid(
    author: PromptRepository, read: Read, files: dict[str, str | None], message: str
) -> None:
    """It says why and what to do, and the other versions are served."""
    author.tag("b", "1.0.0")
    author.tag("a", "0.9.0")
    commit(author, "a/v1.0.0", **files)
    catalog = read()
    catalog.read("a", "0.9.0")

    version = catalog.read("a", "1.0.0")

    assert (version.status, version.document) == ("invalid", None)
    assert version.problem
    assert version.problem["message"].startswith(message)
    assert "tag again" in version.problem["message"]
    assert catalog.read("b", "1.0.0").status == "valid"


def test_a_message_too_long_to_read_makes_a_version_invalid(author: PromptRepository, read: Read) -> None:
    """It is no damage of the mirror, so that nobody waits for it to be mended."""
    message = author.path / "message"
    message.write_text("x" * (2 << 20))
    author.git("tag", "-a", "-F", str(message), "a/v1.0.0", "HEAD")
    catalog = read()

    assert [version.status for version in catalog.list("a")] == ["unread"]
    problem = catalog.read("a", "1.0.0").problem

    assert problem
    assert problem["message"].startswith("the message of the tag or its commit has more than 1 MiB")


def test_a_submodule_is_no_file(author: PromptRepository, read: Read) -> None:
    """Git fetches no submodules, and we read none."""
    head = author.git("rev-parse", "HEAD")
    author.git("update-index", "--add", "--cacheinfo", f"160000,{head},a.prompt.yml")
    author.git("commit", "-q", "-m", "x")
    author.git("tag", "a/v1.0.0")

    problem = read().read("a", "1.0.0").problem

    assert problem
    assert problem["message"] == "a.prompt.yml is a submodule; make it a file, then tag again"


def test_a_tag_of_no_commit_is_invalid(author: PromptRepository, read: Read) -> None:
    """A tag can hold any object."""
    author.git("tag", "a/v1.0.0", author.git("hash-object", "-w", "--stdin"))
    author.git("tag", "-a", "-m", "of a tree", "a/v1.1.0", "HEAD^{tree}")
    catalog = read()

    assert [v.status for v in catalog.list("a")] == ["unread", "unread"]
    assert [catalog.read("a", v).status for v in catalog.versions("a")] == ["invalid", "invalid"]


def test_files_are_read_from_the_root_without_a_prompts_folder(author: PromptRepository, read: Read) -> None:
    """Each commit decides for itself."""
    commit(author, "team/a/v1.0.0", **{"team__a.prompt.yml": prompt("root")})
    commit(author, "team/a/v1.1.0", **{"prompts__team__a.prompt.yml": prompt("folder")})
    catalog = read()

    found = [catalog.read("team/a", version).document for version in ("1.0.0", "1.1.0")]

    assert [document and document.texts[0] for document in found] == ["root", "folder"]


def test_githubs_own_folder_is_looked_at_after_the_root(author: PromptRepository, read: Read) -> None:
    """Prompts that GitHub's tools use are versions where they are, unless there is a prompts folder."""
    hidden = {".github__prompts__a.prompt.yml": prompt("github")}
    commit(author, "a/v1.0.0", **hidden)
    commit(author, "a/v1.1.0", **hidden, **{"a.prompt.yml": prompt("root")})
    commit(author, "a/v1.2.0", **hidden, **{"prompts__b.prompt.yml": prompt("folder")})
    catalog = read()

    found = [catalog.read("a", version).document for version in ("1.0.0", "1.1.0", "1.2.0")]

    assert [document and document.texts[0] for document in found] == ["github", "root", None]


def test_the_latest_is_one_that_can_be_served(author: PromptRepository, read: Read) -> None:
    """Reading it finds out which versions are invalid, and goes on to the next."""
    for version, content in {"1.0.0": None, "1.1.0": "a: [", "1.2.0": "a: [", "2.0.0-rc.1": None}.items():
        author.tag("a", version, content)
    catalog = read()

    assert catalog.latest("a") == "1.2.0"
    assert catalog.read("a", "latest").version == "1.0.0"
    assert catalog.latest("a") == "1.0.0"


def test_what_is_unknown_comes_with_what_is_near(author: PromptRepository, read: Read) -> None:
    """A typing error costs one look at the message."""
    author.tag("summarize", "1.0.0")
    catalog = read()

    with pytest.raises(NotFound, match="did you mean summarize") as prompt_error:
        catalog.read("sumarize", "latest")
    with pytest.raises(NotFound, match=r"has no version '9\.9\.9'; it has 1\.0\.0") as version_error:
        catalog.read("summarize", "9.9.9")

    assert (prompt_error.value.code, version_error.value.code) == ("unknown_prompt", "unknown_version")


def test_names_and_versions_are_sorted(author: PromptRepository, read: Read) -> None:
    """Names by letter, versions newest first."""
    for tag in ("b/v1.0.0", "a/v1.9.0", "a/v1.10.0", "a/v1.10.0-rc.1"):
        author.git("tag", tag)
    catalog = read()

    assert catalog.names() == ["a", "b"]
    assert catalog.versions("a") == ["1.10.0", "1.10.0-rc.1", "1.9.0"]


def test_the_difference_of_two_versions(author: PromptRepository, read: Read) -> None:
    """The text's, and the names of the document's fields that differ, in their order."""
    author.tag("a", "1.0.0", "metadata: {a: 1}\n" + prompt("one"))
    author.tag("a", "1.1.0", "metadata: {a: true}\nmodel: m\n" + prompt("one"))

    difference = read().diff("a", "1.0.0", "latest")

    assert difference["changed"] == ["model", "metadata"]
    assert difference["unified"].startswith(
        "--- a@1.0.0\n+++ a@1.1.0\n@@ -1,4 +1,5 @@\n-metadata: {a: 1}\n+metadata"
    )


def test_a_difference_to_an_invalid_version_is_text(author: PromptRepository, read: Read) -> None:
    """One sees what broke it."""
    author.tag("a", "1.0.0", prompt("one"))
    author.tag("a", "1.1.0", "messages: [\n")

    difference = read().diff("a", "1.0.0", "1.1.0")

    assert difference["changed"] == []
    assert "+messages: [\n" in difference["unified"]


def test_staged_bytes_beat_the_mirror(
    author: PromptRepository, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    """What was staged is the version, also after it was read from the mirror; the difference is said."""
    author.tag("a", "1.0.0", prompt("from the mirror"))
    mirror.sync()
    staged: dict[str, bytes] = {}
    catalog = Catalog(mirror, lambda _name, version: staged.get(version))
    catalog.adopt()
    first = catalog.read("a", "1.0.0")

    staged["1.0.0"] = prompt("from the journal").encode()
    second = catalog.read("a", "1.0.0")

    assert first.content != second.content == staged["1.0.0"]
    assert second.commit == first.commit
    assert "is not the one that was staged" in caplog.text
    assert catalog.list("a")[0].digest == second.digest


def test_staged_bytes_need_no_mirror(mirror: Mirror) -> None:
    """What was ever served outlives mirror and upstream."""
    catalog = Catalog(mirror, lambda _name, _version: prompt().encode())

    version = catalog.read("gone", "1.0.0")

    assert (version.status, version.commit, version.number) == ("valid", "", 1_000_000)


def test_what_was_read_is_kept_within_bounds(
    author: PromptRepository, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The versions read last stay in memory; statuses stay for all."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        author.tag("a", version)
    monkeypatch.setattr(version_cache, "KEPT_VERSIONS", 2)
    catalog = read()

    first, *_ = [catalog.read("a", version) for version in ("1.0.0", "1.1.0", "1.2.0")]

    assert catalog.read("a", "1.2.0") is catalog.read("a", "1.2.0")
    assert catalog.read("a", "1.0.0") is not first
    assert [version.status for version in catalog.list("a")] == ["valid"] * 3


def test_a_damaged_mirror_is_no_invalid_prompt(author: PromptRepository, read: Read, tmp_path: Path) -> None:
    """The list goes on; nothing is settled that could be right again tomorrow."""
    author.tag("a", "1.0.0")
    catalog = read()
    for folder in (tmp_path / "data/mirror.git/objects").iterdir():
        shutil.rmtree(folder)

    assert [(v.status, v.author) for v in catalog.list("a")] == [("unread", "")]
    with pytest.raises(Exception, match="fetches it again"):
        catalog.read("a", "1.0.0")


def test_the_state_of_the_catalog(author: PromptRepository, read: Read) -> None:
    """What `/v1/catalog` shows, and no more."""
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0")
    author.git("tag", "release-7")

    status = read().status()

    assert status.pop("synced_at").endswith("Z")
    assert status == {
        "repository": None,
        "error": None,
        "prompts": 1,
        "versions": 2,
        "ignored": {
            "count": 1,
            "sample": ["release-7"],
            "reasons": ["it is not <name>/v<version>"],
            "other_things": {"count": 0, "sample": []},
        },
        "moved": [],
        "moved_count": 0,
        "failed": [],
        "invalid": {"count": 0, "sample": []},
        "unread": 2,
    }


def test_invalid_versions_are_shown(author: PromptRepository, read: Read) -> None:
    """Those that were tagged last come first: somebody is looking for them."""
    author.tag("a", "1.0.0", "messages: [\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", "2026-04-01T12:00:00+05:00")
        author.tag("b", "1.0.0", "messages: 1\n")
    author.tag("c", "1.0.0")
    catalog = read()
    for name in "abc":
        catalog.settle([(name, "1.0.0")])

    status = catalog.status()

    assert (status["invalid"]["count"], status["unread"]) == (2, 0)
    assert [shown["name"] for shown in status["invalid"]["sample"]] == ["b", "a"]
    assert status["invalid"]["sample"][0]["problem"]["path"] == "prompts/b.prompt.yml"


def test_tags_that_could_not_be_fetched_are_shown(author: PromptRepository, read: Read) -> None:
    """With git's reason, and when they are tried again."""
    blob = author.git("hash-object", "-w", "--stdin")
    tree = b"100644 .git\0" + bytes.fromhex(blob)
    command = ["git", "-C", str(author.path), "hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    evil = subprocess.run(command, input=tree, capture_output=True, check=True).stdout.decode().strip()
    author.git("tag", "evil/v1.0.0", author.git("commit-tree", "-m", "x", evil))

    failed = read().status()["failed"]

    assert [(entry["tag"], entry["retry_at"][-1]) for entry in failed] == [("evil/v1.0.0", "Z")]
    assert "hasDotgit" in failed[0]["error"]


def test_many_versions_are_read_as_one_is(author: PromptRepository, mirror: Mirror, tmp_path: Path) -> None:
    """Good and bad ones, tags of a file or of a tag; one that cannot be read stops none of the others."""
    commit(author, "a/v1.0.0", prompts__a___prompt_yml=prompt())
    author.tag("a", "1.1.0", "messages: [\n")
    author.tag("a", "1.2.0", prompt("x" * (300 << 10)))
    author.tag("b", "1.0.0", prompt("x" * (255 << 10)))
    author.git("tag", "-m", "Tag a tag", "b/v1.1.0", "b/v1.0.0")
    author.git("tag", "b/v1.2.0", "a/v1.0.0")
    author.git("tag", "d/v1.0.0", author.git("hash-object", "-w", "--stdin"))
    mirror.sync()
    Pins(tmp_path / "data/mirror.git/pins").add([line_of("e/v1.0.0", "0" * 40)])
    one, many = Catalog(mirror), Catalog(mirror)
    for catalog in (one, many):
        catalog.adopt()

    many.settle(many.unread())

    assert many.unread() == [("e", "1.0.0")]
    with pytest.raises(GitFailed, match="missing from the mirror"):
        one.read("e", "1.0.0")
    for name, version in set(one.unread()) - {("e", "1.0.0")}:
        assert one.read(name, version).summary() in many.list(name)


def test_what_cannot_be_served_is_known_when_all_is_read(author: PromptRepository, read: Read) -> None:
    """Before that nobody can tell which of them are new."""
    author.tag("good", "1.0.0", prompt("Hello"))
    author.tag("bad", "1.0.0", "messages: 3")
    catalog = read()
    before = catalog.invalid()
    catalog.settle((name, "1.0.0") for name in ("good", "bad"))
    after = catalog.invalid()
    assert after

    assert (before, [version.name for version in after]) == (None, ["bad"])
    why = problems(after)
    assert why
    assert why["bad", "1.0.0"].startswith("prompts/bad.prompt.yml:1:")
    assert problems(before) is None
