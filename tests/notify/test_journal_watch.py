"""Changes of the journal are queued for each target, once, from when it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from notify.story import AT, Story

from registry.notify.journal_watch import JournalWatch
from registry.policies.targets import Target

if TYPE_CHECKING:
    from registry.outcomes.store.database import Database

OPS = Target(url_file=Path("x"), format="json", events=("rollout.*", "approval.waiting"))
ALL = Target(url_file=Path("y"), format="slack")


def queued(database: Database, target: str) -> list[str]:
    """The ids of what waits."""
    rows = database.read(
        lambda connection: connection.fetch(
            "select id from notify_queue where target = ? order by place", (target,)
        )
    )
    return [identifier for (identifier,) in rows]


def test_a_new_target_begins_now(database: Database) -> None:
    """What happened before is not told."""
    story = Story("promote", "start")
    watch = JournalWatch({"ops": OPS}, story.reader())
    watch.look(database, AT)
    story.add("advance")
    watch.look(database, AT)

    assert queued(database, "ops") == ["change_1_3"]


def test_each_target_gets_what_it_wants(database: Database) -> None:
    """In its own format."""
    story = Story("promote")
    watch = JournalWatch({"ops": OPS, "all": ALL}, story.reader())
    watch.look(database, AT)
    for op in ("start", "reject", "token.create", "rollback"):
        story.add(op)
    watch.look(database, AT)

    assert queued(database, "ops") == ["change_1_2", "change_1_5"]
    assert queued(database, "all") == ["change_1_2", "change_1_3", "change_1_5"]
    (body,) = database.read(
        lambda connection: connection.fetch("select body from notify_queue where target = 'all' limit 1")
    )[0]
    assert json.loads(body) == {"text": "summarize in production: start 1.0.0 → 1.1.0, by grace"}


def test_another_registry_goes_on(database: Database) -> None:
    """Neither misses a change nor queues one twice."""
    story = Story("promote")
    first, second = (JournalWatch({"ops": OPS}, story.reader()) for _ in range(2))
    first.look(database, AT)
    story.add("start")
    first.look(database, AT)
    story.add("advance")
    second.look(database, AT)
    second.look(database, AT)
    first.look(database, AT)

    assert queued(database, "ops") == ["change_1_2", "change_1_3"]


def test_a_target_that_is_gone_is_forgotten(database: Database) -> None:
    """With what waits for it; if it comes back, it is new."""
    story = Story("promote")
    JournalWatch({"ops": OPS, "all": ALL}, story.reader()).look(database, AT)
    story.add("start")
    JournalWatch({"all": ALL}, story.reader()).look(database, AT)
    story.add("advance")
    JournalWatch({"ops": OPS, "all": ALL}, story.reader()).look(database, AT)

    assert (queued(database, "ops"), len(queued(database, "all"))) == ([], 2)


def test_a_long_absence(database: Database) -> None:
    """Hundreds of changes are queued in one look."""
    story = Story("promote")
    JournalWatch({"all": ALL}, story.reader()).look(database, AT)
    for _ in range(450):
        story.add("advance")
    JournalWatch({"all": ALL}, story.reader()).look(database, AT)

    assert len(queued(database, "all")) == 450
