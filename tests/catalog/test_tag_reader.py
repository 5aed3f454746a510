"""What a tag says, by git's objects as they may be."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from registry.catalog.mirror import tag_info, tag_reader
from registry.git.command import GitObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.errors import GitFailed
    from registry.git.command import Wanted


class Store:
    """Objects in memory."""

    def __init__(self) -> None:
        self._objects: dict[str, GitObject] = {}
        self.asked: list[str] = []  # the kinds of the objects that were read, in order

    def add(self, kind: str, data: bytes) -> str:
        """Keep an object, under a name that is as long as an id."""
        oid = hashlib.sha1(kind.encode() + data, usedforsecurity=False).hexdigest()
        self._objects[oid] = GitObject(oid, kind, data)
        return oid

    def read_object(self, expression: str, *, limit: int) -> GitObject | None:
        """One object."""
        found = self._objects.get(expression)
        assert found is None or len(found.data) <= limit
        self.asked += [found.kind] if found else []
        return found

    def read_objects(self, wanted: Sequence[Wanted]) -> list[GitObject | GitFailed | None]:
        """Many."""
        return [self._objects.get(oid) for oid, _ in wanted]


def about(person: bytes) -> tuple[str, str]:
    """The author and the date of a commit by a person."""
    store = Store()
    commit = store.add("commit", b"tree %s\nauthor %s\ncommitter x\n\nx\n" % (b"0" * 40, person))
    found = tag_reader.answer(store, tag_info.read(commit))
    return found.author, found.tagged_at


@pytest.mark.parametrize(
    ("charset", "shown"),
    [
        ("ISO-8859-1", "Jürgen: größer"),
        ("windows-1252", "Jürgen: größer"),
        ("GB18030", "Jürgen: größer"),
        ("ISO-8859-99", "J\\xfcrgen: gr\ufffd\ufffder"),  # there is none
        ("punycode", "J\\xfcrgen: gr\ufffd\ufffder"),  # takes minutes for a megabyte
    ],
)
def test_a_commit_in_another_encoding(charset: str, shown: str) -> None:
    """Git notes it in the commit, where i18n.commitEncoding is set; what is unknown is read as UTF-8."""
    known = charset if charset == "GB18030" else "latin-1"
    store = Store()
    head = (
        f"tree {'0' * 40}\nauthor Jürgen <j@example.org> 0 +0000\ncommitter x\nencoding {charset}\n\ngrößer\n"
    )
    found = tag_reader.answer(store, tag_info.read(store.add("commit", head.encode(known))))

    assert f"{found.author.partition(' <')[0]}: {found.message}" == shown


ADA = "Ada <a@example.org>"


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (b"1767225600 +0100", "2026-01-01T01:00:00+01:00"),
        (b"1767225600 -0730", "2025-12-31T16:30:00-07:30"),
        (b"0 +0000", "1970-01-01T00:00:00Z"),
        (b"-1 +0000", "1969-12-31T23:59:59Z"),
        (b"-86400 -0500", "1969-12-30T19:00:00-05:00"),
        (b"-2208988800 +0000", "1900-01-01T00:00:00Z"),
        (b"4102444800 +0000", "2100-01-01T00:00:00Z"),
        (b"1767225600 +51800", "2026-01-01T00:00:00Z"),
        (b"1767225600 +2500", "2026-01-01T00:00:00Z"),
        (b"1767225600 +0099", "2026-01-01T01:39:00+01:39"),
        (b"1767225600 -0000", "2026-01-01T00:00:00Z"),
        (b"1767225600", "2026-01-01T00:00:00Z"),
        (b"99999999999999999999 +0000", "1970-01-01T00:00:00Z"),
        (b"-99999999999999999999 +0000", "1970-01-01T00:00:00Z"),
        (b"-62135596801 +0000", "1970-01-01T00:00:00Z"),
        (b"253402300800 +0000", "1970-01-01T00:00:00Z"),
    ],
)
def test_dates_as_git_has_them(when: bytes, shown: str) -> None:
    """Before 1970 too; a zone that makes no sense counts as none, a date that makes none as the epoch."""
    assert about(b"Ada <a@example.org> " + when) == (ADA, shown)


@pytest.mark.parametrize("person", [b"Ada <a@example.org>", b"", b"Ada", b"Ada <a@example.org> soon"])
def test_a_line_without_a_date(person: bytes) -> None:
    """All of it is the author."""
    assert about(person) == (person.decode(), "1970-01-01T00:00:00Z")


def test_a_long_line_takes_no_time() -> None:
    """Only its end is looked at for a date, and only its beginning is shown."""
    author, shown = about(b" 1" * 400_000 + b" 1767225600 +0000")

    assert (len(author), shown) == (200, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "names",
    [
        (b"100644 a.prompt.yml", b"a.prompt.yml"),
        (b"a.prompt.yml", b"x 100644 a.prompt.yml"),
        (b"1", b"2 100644 a.prompt.yml", b"a.prompt.yml", b"z"),
    ],
)
def test_an_entry_is_found_by_its_whole_name(names: tuple[bytes, ...]) -> None:
    """A name that ends like another entry is not that one, whatever bytes the ids are of."""
    store = Store()
    right = store.add("blob", b"right")
    entries = [(name, right if name == b"a.prompt.yml" else "20" * 20) for name in names]
    tree = b"".join(b"100644 %s\0%s" % (name, bytes.fromhex(oid)) for name, oid in entries)
    prompts = store.add("tree", tree)
    root = store.add("tree", b"40000 prompts\0" + bytes.fromhex(prompts))
    commit = store.add("commit", b"tree %s\nauthor x\n\nx\n" % root.encode())

    _, file = tag_reader.answer(store, tag_reader.read(commit, "a"))
    assert isinstance(file, tag_reader.File)
    assert file.content == b"right"


@pytest.mark.parametrize(("settings", "asked"), [(None, 4), (b"[prompts]\nfolder = 'p'\n", 5)])
def test_settings_cost_nothing_where_there_are_none(settings: bytes | None, asked: int) -> None:
    """The commit, its tree, the folder and the file are read, and the settings if there are some."""
    store = Store()

    def entry(kind: bytes, name: bytes, oid: str) -> bytes:
        return b"%s %s\0%s" % (kind, name, bytes.fromhex(oid))

    folder = store.add("tree", entry(b"100644", b"a.prompt.yml", store.add("blob", b"x")))
    root = entry(b"40000", b"p" if settings else b"prompts", folder)
    if settings:
        root += entry(b"100644", b"promptstage.toml", store.add("blob", settings))
    tree = store.add("tree", root)
    commit = store.add("commit", b"tree %s\nauthor x\n\nx\n" % tree.encode())
    _, found = tag_reader.answer(store, tag_reader.read(commit, "a"))

    assert isinstance(found, tag_reader.File)
    assert len(store.asked) == asked
