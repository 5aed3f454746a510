"""A journal that is whole passes; whatever is wrong with one is named."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from journal.story import ADMIN, promote, tell

from registry.errors import Unavailable
from registry.journal.change import (
    Change,
    content_path,
    request_path,
    request_paths,
    state_path,
    token_path,
)
from registry.journal.local import LocalJournal
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three changes."""
    return tell(tmp_path / "data", "1.0.0", "1.1.0")


def smuggle(data: Path, path: str, content: bytes) -> None:
    """Put a file beside the next change that does not belong there."""
    with closing(LocalJournal(data)) as journal, journal.lock() as lock:
        head = journal.head()
        change = head.change.model_copy(update={"seq": head.change.seq + 1, "state": None, "previous": 0})
        journal.write(lock, head.commit, change, {path: content})


def test_a_whole_journal(data: Path) -> None:
    """What it holds is counted."""
    report = verify(data)

    assert report.problems == ()
    assert (report.changes, report.states, report.versions, report.tokens) == (3, 1, 2, 1)
    assert report.newest is not None
    assert report.newest.after == "1.1.0"


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        (state_path("production", "summarize"), b"{}", "is not the state that the changes lead to"),
        (state_path("production", "other"), b"{}", "is there without a change"),
        (
            content_path("summarize", "1.0.0"),
            b"changed",
            "the bytes of summarize@1.0.0 are not those of sha256:",
        ),
        (content_path("summarize", "9.0.0"), b"", "9.0.0.prompt.yml is there without a change"),
        (token_path("f00"), ADMIN.model_dump_json().encode(), "tokens/f00.json is there without a change"),
        (token_path(ADMIN.id), b"no token", "is not the token that the changes lead to"),
        (request_path("f00ba"), b"{}", "requests/f0/0b/a.json is there without a change"),
        ("README.md", b"", "README.md is there without a change"),
        (r'"\377"', b"", r"\xff is there without a change"),  # as git's import writes a byte that is no UTF-8
    ],
    ids=["state", "a state more", "bytes", "bytes more", "a token more", "token", "request", "file", "raw"],
)
def test_what_no_change_led_to(data: Path, path: str, content: bytes, problem: str) -> None:
    """A file that somebody put in is found, although git has nothing to object."""
    smuggle(data, path, content)

    assert [problem in found for found in verify(data).problems] == [True]


@pytest.mark.parametrize(
    ("record", "problems"),
    [
        (b'{"seq": 3, "body": "b"}', 0),
        (b'{"seq": 1, "body": "b"}', 1),
        (b"[]", 1),
        (b"{", 1),
        (None, 1),
    ],
)
def test_what_a_request_is_answered_with(data: Path, record: bytes | None, problems: int) -> None:
    """Its record names its own change."""
    with closing(LocalJournal(data)) as journal, journal.lock() as lock:
        head = journal.head()
        change = Change(epoch=head.change.epoch, seq=3, at=head.change.at, actor="a", op="x", request="f00ba")
        journal.write(lock, head.commit, change, {request_path("f00ba"): record} if record else {})

    found = verify(data).problems

    assert (len(found), all("requests/f0/0b/a.json" in problem for problem in found)) == (problems, True)


def test_a_request_is_found_where_its_record_was_kept_at_first(data: Path) -> None:
    """In an older journal all of them lie in fewer folders; it is as whole, and knows them as well."""
    record, former = {"seq": 3, "body": "b"}, request_paths("f00ba")[1]
    with closing(LocalJournal(data)) as journal, journal.lock() as lock:
        head = journal.head()
        change = Change(epoch=head.change.epoch, seq=3, at=head.change.at, actor="a", op="x", request="f00ba")
        journal.write(lock, head.commit, change, {former: json.dumps(record).encode()})

        assert journal.request("f00ba") == record
    assert verify(data).problems == ()


def test_a_gap_in_the_order(data: Path) -> None:
    """Every change has the number after the one before it."""
    promote(data, "1.2.0", seq=9)

    assert "change 3: its record says that it is change 9" in verify(data).problems


def test_a_damaged_object(data: Path) -> None:
    """Git's own check is part of it."""
    for path in (data / "journal.git/objects").glob("??/*"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-5] + b"?????")

    assert "git fsck failed" in verify(data).problems[0]


@pytest.mark.parametrize("marker", [None, "", "[]"])
def test_the_marker(data: Path, marker: str | None) -> None:
    """It is missing, or of another time."""
    (data / "journal.json").unlink()
    if marker is not None:
        (data / "journal.json").write_text(marker)

    assert "journal.json" in verify(data).problems[0]


def test_no_journal(tmp_path: Path) -> None:
    """Another folder is meant."""
    with pytest.raises(Unavailable, match="--data"):
        verify(tmp_path)
