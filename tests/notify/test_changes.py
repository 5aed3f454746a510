"""Reading the journal on from where a target is."""

from __future__ import annotations

from notify.story import Story

from registry.notify import changes
from registry.rollouts.position import NOWHERE, Position


def seqs(story: Story, position: Position) -> list[int]:
    """The changes after a position."""
    return [change.seq for _, change in story.reader().since(position)]


def test_it_goes_on_where_it_was() -> None:
    """With the commits of the changes."""
    story = Story("promote", "start", "advance")

    assert seqs(story, Position(1, 1)) == [2, 3]
    assert seqs(story, Position(1, 3)) == []
    assert story.reader().since(Position(1, 2))[0][0] == "1-3"


def test_it_reads_a_part_at_a_time() -> None:
    """However far it is behind."""
    story = Story(*["promote"] * (changes.BATCH + 5))

    assert seqs(story, Position(1, 0)) == list(range(1, changes.BATCH + 1))
    assert len(seqs(story, Position(1, changes.BATCH))) == 5


def test_after_a_recovery_what_is_new_is_read() -> None:
    """Also if the recovered journal is shorter, and whichever way the epoch went."""
    for epoch in (2, 0):
        story = Story("promote", "promote")
        story.add("recover", epoch=epoch)
        story.add("promote", epoch=epoch)
        assert seqs(story, Position(1, 40)) == [3, 4]


def test_a_recovery_long_ago() -> None:
    """More than one part of the journal is of the newest epoch."""
    story = Story("promote")
    for _ in range(changes.BATCH + 10):
        story.add("promote", epoch=2)

    assert seqs(story, Position(1, 1))[:2] == [2, 3]


def test_a_journal_that_was_begun_again() -> None:
    """Everything in it is new."""
    story = Story("promote")
    story.changes = [change.model_copy(update={"epoch": 5}) for change in story.changes]

    assert seqs(story, Position(1, 7)) == [0, 1]
    assert Story().reader().head() == Position(1, 0)
    assert changes.Changes(list, lambda _: iter(())).head() == NOWHERE
