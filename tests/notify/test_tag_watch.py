"""Tags that make no version are told once, and not those that were there before."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from notify.story import AT
from notify.test_journal_watch import queued

from registry.notify.tag_watch import TagWatch
from registry.policies.targets import Target

if TYPE_CHECKING:
    from registry.notify.tag_watch import Invalid
    from registry.outcomes.store.database import Database

OPS = Target(url_file=Path("x"), format="json", events=("tag.invalid",))
OTHER = Target(url_file=Path("y"), format="json", events=("rollout.*",))
OLD, NEW, NEWER = (("summarize", f"1.{n}.0") for n in range(3))


def test_a_new_tag_is_told_once(database: Database) -> None:
    """By whichever registry sees it first."""
    found = {OLD: "no messages"}
    looks: list[Invalid | None] = [
        None,
        found,
        {**found, NEW: "no messages"},
        None,
        {**found, NEW: "no", NEWER: "x" * 900},
    ]
    for minute, invalid in enumerate(looks):
        for _ in range(2):
            watch = TagWatch({"ops": OPS, "other": OTHER}, partial(copy, invalid))
            watch.look(database, AT + timedelta(minutes=minute))

    assert queued(database, "ops") == ["tag_summarize_1-1-0", "tag_summarize_1-2-0"]
    assert queued(database, "other") == []


def test_if_nobody_wants_them_nothing_is_read(database: Database) -> None:
    """Nor noted: whoever wants them later begins then."""

    def fail() -> None:
        raise AssertionError

    TagWatch({"other": OTHER}, fail).look(database, AT)
    rows = database.read(lambda connection: connection.fetch("select count(*) from notify_states"))
    assert rows == [(0,)]
