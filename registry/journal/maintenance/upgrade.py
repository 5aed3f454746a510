"""A journal that goes on in a newer format, when every registry that uses it knows that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.access.admin_token import OPERATOR
from registry.errors import Unavailable
from registry.journal.directory import write_marker
from registry.journal.journal import InDoubt
from registry.system import formats, timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.journal.journal import Journal
    from registry.journal.reader import Entry

OP = "upgrade"
TRIES = 5  # registries that share the journal may write in between


def upgrade(journal: Journal, folder: Path) -> Entry | None:
    """Let a journal go on in the newest format, by one change that says so; None: it is in it already.

    Repeated after a failure it does what is left. What was written before stays as it is.

    Args:
        journal: of the data folder, or the copy there of a shared one.
        folder: the data folder.

    Raises:
        Unavailable: the journal cannot be read or written, is a newer registry's (`newer_format`), or other
            registries write all the time (`busy`).
    """
    tried: list[InDoubt] = []
    for _ in range(TRIES):
        try:
            with journal.lock() as lock:
                journal.refresh(lock)
                done = _upgrade(journal, lock, tried)
                newest = journal.head().change
                write_marker(folder, newest.epoch, newest.format)
                return done
        except InDoubt as in_doubt:  # the next look tells whether it is there
            tried.append(in_doubt)
    raise Unavailable("other registries write all the time; try again", code="busy")


def _upgrade(journal: Journal, lock: int, tried: list[InDoubt]) -> Entry | None:
    head = journal.head()
    if head.change.format >= formats.NEWEST:
        return head if tried else None
    if tried and tried[-1].refusal:
        raise tried[-1].refusal
    change = head.change.following(
        at=timestamps.now(),
        actor=OPERATOR,
        op=OP,
        before=head.change.format,
        after=formats.NEWEST,
        reason="promptstage journal upgrade",
    )
    return journal.write(lock, head.commit, change.model_copy(update={"format": formats.NEWEST}), {})
