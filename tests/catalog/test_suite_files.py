"""The files of a suite in a mirror: read from a version's own commit, and fetched when they are wanted."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from git_hosts import HttpHost, http_host
from support import prompt

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.errors import DocumentInvalid, GitFailed
from registry.suites import cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import PromptRepository

    from registry.catalog.mirror.suite_reader import SuiteFiles

RUBRIC = {"type": "llm-rubric", "value": "file://rubrics/tone.md"}
CASE = json.dumps({"id": "a", "vars": {"text": "b"}, "assert": [RUBRIC]}).encode() + b"\n"


@pytest.fixture
def remote(author: PromptRepository, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of a host that leaves out what is not asked for."""
    author.git("config", "uploadpack.allowFilter", "true")
    author.git("config", "uploadpack.allowAnySHA1InWant", "true")
    with http_host(author.path.parent, "") as host:
        made = Mirror(tmp_path / "remote", address(host, author))
        yield made
        made.close()


def address(host: HttpHost, author: PromptRepository) -> str:
    """Where the host serves the author's repository."""
    return f"{host.url}/{author.path.name}/.git"


def write(author: PromptRepository, path: str, content: bytes) -> None:
    """Write a file below the prompts folder."""
    file = author.path / "prompts" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def suite(mirror: Mirror, commit: str, syncs: int = 0) -> SuiteFiles:
    """The files of a suite, after so many syncs for what is missing of it."""
    content = prompt().encode()

    def read() -> SuiteFiles:
        return mirror.suite(commit, "a", lambda path, beside: cases.wanted(path, content, beside))

    for _ in range(syncs):
        with pytest.raises(GitFailed) as missing:
            read()
        assert (missing.value.code, mirror.wants) == ("being_fetched", True)
        mirror.sync()
    return read()


def test_cases_and_rubrics_are_those_of_the_commit(author: PromptRepository, mirror: Mirror) -> None:
    """With their paths from the prompts folder; a rubric that is not there is named so."""
    write(author, "a.cases.jsonl", CASE)
    author.tag("a", "1.0.0", prompt())
    first = author.git("rev-parse", "HEAD")
    write(author, "rubrics/tone.md", b"Be kind.")
    author.tag("a", "1.1.0", prompt())
    second = author.git("rev-parse", "HEAD")
    mirror.sync()

    absent = {"a.cases.jsonl": CASE, "rubrics/tone.md": "is not in the tagged commit"}
    assert suite(mirror, first, 1) == ("a.prompt.yml", absent)
    assert suite(mirror, second, 1).beside == {"a.cases.jsonl": CASE, "rubrics/tone.md": b"Be kind."}


def test_a_prompt_without_cases_has_none(author: PromptRepository, mirror: Mirror) -> None:
    """Nothing else is looked for."""
    author.tag("a", "1.0.0", prompt())
    mirror.sync()

    beside = {"a.cases.jsonl": "is not in the tagged commit"}
    assert suite(mirror, author.git("rev-parse", "HEAD")).beside == beside


def test_great_files_are_fetched_when_they_are_wanted(author: PromptRepository, remote: Mirror) -> None:
    """Not with the tag: the cases first, then the rubrics that they name, all at once."""
    lines = CASE + CASE.replace(b"tone.md", b"facts.md")
    great = lines + b" " * 300_000
    write(author, "a.cases.jsonl", great)
    for name in ("tone", "facts"):
        write(author, f"rubrics/{name}.md", os.urandom(150_000).hex().encode())
    author.tag("a", "1.0.0", prompt())
    commit = author.git("rev-parse", "HEAD")
    remote.sync()

    found = suite(remote, commit, 2)
    assert found.beside.keys() == {"a.cases.jsonl", "rubrics/tone.md", "rubrics/facts.md"}
    assert found.beside["a.cases.jsonl"] == great


def test_what_was_fetched_stays_when_the_upstream_is_gone(
    author: PromptRepository, mirror: Mirror, tmp_path: Path
) -> None:
    """The suite of a version is read from the mirror alone."""
    write(author, "a.cases.jsonl", CASE)
    author.tag("a", "1.0.0", prompt())
    commit = author.git("rev-parse", "HEAD")
    mirror.sync()
    suite(mirror, commit, 1)
    shutil.rmtree(author.path)

    assert suite(mirror, commit).beside["a.cases.jsonl"] == CASE


def test_a_version_is_served_whatever_its_cases_are(author: PromptRepository, mirror: Mirror) -> None:
    """A link, a folder, a pointer of LFS, no JSON: what cannot be read is named, and the prompt is valid."""
    path = author.path / "prompts" / "a.cases.jsonl"
    path.parent.mkdir()
    commits = {}
    path.symlink_to("b.cases.jsonl")
    author.tag("a", "2.0.0", prompt())
    commits["a.cases.jsonl is a symbolic link"] = author.git("rev-parse", "HEAD")
    path.unlink()
    write(author, "a.cases.jsonl/b", b"c")
    author.tag("a", "2.1.0", prompt())
    commits["a.cases.jsonl is a folder"] = author.git("rev-parse", "HEAD")
    shutil.rmtree(path)
    write(author, "a.cases.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    author.tag("a", "2.2.0", prompt())
    commits["a.cases.jsonl is in Git LFS"] = author.git("rev-parse", "HEAD")
    write(author, "a.cases.jsonl", b"{{{\n\xff\n")
    author.tag("a", "2.3.0", prompt())
    odd = author.git("rev-parse", "HEAD")
    mirror.sync()
    catalog = Catalog(mirror)
    catalog.adopt()

    assert {catalog.read("a", version).status for version in catalog.versions("a")} == {"valid"}
    for words, commit in commits.items():
        syncs = int("LFS" in words)  # the other two have no content to fetch
        with pytest.raises(DocumentInvalid, match=words):
            suite(mirror, commit, syncs)
    assert suite(mirror, odd, 1).beside == {"a.cases.jsonl": b"{{{\n\xff\n"}
