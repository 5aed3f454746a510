"""The index over a journal's changes, for clocks that are right and for clocks that were set back."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import TYPE_CHECKING

import pytest

from registry.errors import Unavailable
from registry.journal.change import Change
from registry.journal.history_index import BATCH, FILE, HistoryIndex, Query
from registry.rollouts.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Log:
    """A journal of changes that are made in memory."""

    def __init__(self, seconds: Sequence[int], actors: Sequence[str] = ("ada",)) -> None:
        self.changes = [
            Change(
                epoch=1,
                seq=seq,
                at=NOON + timedelta(seconds=second),
                actor=actors[seq % len(actors)],
                op="promote",
                state=State(environment="production", prompt=f"p{seq % 2}", epoch=1, seq=seq),
            )
            for seq, second in enumerate(seconds)
        ]
        self.commits = [sha1(repr(c).encode(), usedforsecurity=False).hexdigest() for c in self.changes]
        self.reads = 0

    def read(self, commits: Sequence[str]) -> Iterator[Change]:
        """What some commits hold."""
        self.reads += len(commits)
        known = dict(zip(self.commits, self.changes, strict=True))
        return (known[commit] for commit in commits)

    def fill(self, index: HistoryIndex) -> int:
        """Add all that is missing; says how many are there."""
        count = 0
        while count < len(self.commits):
            count = index.add(self.commits, self.read)
        return count


@pytest.fixture
def index(tmp_path: Path) -> Iterator[HistoryIndex]:
    """An empty one."""
    made = HistoryIndex(tmp_path)
    yield made
    made.close()


def seqs(index: HistoryIndex, count: int, **query: object) -> list[int]:
    """The changes that are found by who knows so many of them."""
    return [row.seq for row in index.find(Query(environment="production", **query), count)]  # type: ignore[arg-type]


def test_it_finds_what_a_walk_finds(index: HistoryIndex) -> None:
    """Whatever the clocks did: the same changes for every span of time, prompt, actor and page."""
    chance = random.Random(1)
    log = Log([chance.randrange(300) for _ in range(250)], ["ada", "grace", "schedule"])
    assert log.fill(index) == 250
    for _ in range(300):
        since, until = (NOON + timedelta(seconds=chance.randrange(-9, 310)) for _ in "12")
        prompt, actor = chance.choice([None, "p0"]), chance.choice([None, "grace"])
        before = chance.choice([None, chance.randrange(260)])
        walked = [
            change.seq
            for change in reversed(log.changes)
            if since <= change.at <= until
            and change.seq < (260 if before is None else before)
            and actor in {None, change.actor}
            and prompt in {None, f"p{change.seq % 2}"}
        ]
        found = seqs(
            index, 250, since=since, until=until, prompt=prompt, actor=actor, before=before, limit=20
        )
        assert found == walked[:20]


def test_an_index_is_read_once(tmp_path: Path) -> None:
    """A restart reads nothing of the journal again; what came since is added."""
    log = Log(range(BATCH + 50))
    for expected in (BATCH + 50, BATCH + 50, BATCH + 51):
        log.commits, log.changes = Log(range(expected)).commits, Log(range(expected)).changes
        again = HistoryIndex(tmp_path)
        log.fill(again)
        again.close()

    assert log.reads == BATCH + 51


def test_the_index_of_another_journal_is_built_again(index: HistoryIndex) -> None:
    """Also of this one before it was turned back."""
    Log(range(30)).fill(index)
    other = Log(range(100, 110))
    other.fill(index)

    assert seqs(index, 10, limit=99) == list(range(9, -1, -1))
    assert seqs(index, 10, until=NOON + timedelta(seconds=50)) == []


def test_a_process_that_lags_behind_takes_nothing_away(index: HistoryIndex) -> None:
    """It knows less of the journal than the one that indexed it."""
    log = Log(range(30))
    log.fill(index)

    assert index.add(log.commits[:10], log.read) == 30
    assert seqs(index, 10) == [9]


def test_a_journal_that_was_turned_back_shows_what_it_has(index: HistoryIndex) -> None:
    """Neither changes that it lost, nor another history than its own once it went on."""
    before = Log([*range(20), 3, 4, 5])
    before.fill(index)
    back = Log(range(20))
    back.fill(index)

    assert seqs(index, 20, limit=2) == [19, 18]
    assert seqs(index, 20, until=NOON + timedelta(seconds=10)) == [10]
    Log(range(21)).fill(index)
    assert seqs(index, 21, until=NOON + timedelta(seconds=10)) == [10]


def test_a_damaged_file_is_built_again(tmp_path: Path) -> None:
    """And a file that cannot be had costs the file, not the history."""
    log = Log(range(30))
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    first = HistoryIndex(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / FILE).mkdir()
    second = HistoryIndex(tmp_path / "elsewhere")
    for index in (first, second):
        log.fill(index)
        assert seqs(index, 30) == [29]
        index.close()


def test_what_is_not_there_yet_is_not_called_nothing(index: HistoryIndex) -> None:
    """Who asks for a history that another process removed is told to come again."""
    with pytest.raises(Unavailable, match="try again"):
        index.find(Query(environment="production"), 1)
