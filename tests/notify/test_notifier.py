"""One process at a time watches and sends; when it is gone another one goes on, and nothing is missed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from notify.receiver import Receiver
from notify.story import Story
from support import until

from registry.errors import Unavailable
from registry.notify import notifier
from registry.notify.journal_watch import JournalWatch
from registry.notify.notifier import Notifier
from registry.policies.targets import Target
from registry.system import timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.outcomes.store.database import Database


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.notify.notifier.POLL_SECONDS", 0.02)
    monkeypatch.setattr("registry.notify.courier.POLL_SECONDS", 0.02)


def started(database: Database, story: Story, target: Target) -> Notifier:
    """A notifier that runs."""
    targets = {"ops": target}
    made = Notifier(lambda: database, targets, [JournalWatch(targets, story.reader())])
    made._holder = f"process-{id(made)}"
    made.start()
    return made


def test_one_leads_and_the_other_goes_on(database: Database, tmp_path: Path) -> None:
    """Each change is told once, whichever of them was at work."""
    story = Story("promote")
    with Receiver() as receiver:
        target = Target(url_file=receiver.address(tmp_path), format="json")
        first = started(database, story, target)
        until(first.leads, "the first to lead")
        second = started(database, story, target)
        until(lambda: database.read(lambda c: c.fetch("select * from notify_cursors")) != [], "a cursor")
        story.add("start")
        until(lambda: len(receiver.received) == 1, "the first message")
        assert not second.leads()
        first.stop()
        story.add("advance")
        until(lambda: len(receiver.received) == 2, "the second message")
        assert (first.leads(), second.leads()) == (False, True)
        second.stop()

    assert [got.headers["webhook-id"] for got in receiver.received] == ["change_1_2", "change_1_3"]


def test_what_was_queued_when_a_process_died_is_sent(database: Database, tmp_path: Path) -> None:
    """And what happened while nobody watched, too."""
    story = Story("promote")
    with Receiver() as receiver:
        target = Target(url_file=receiver.address(tmp_path), format="json")
        watch = JournalWatch({"ops": target}, story.reader())
        watch.look(database, timestamps.now())
        story.add("start")
        watch.look(database, timestamps.now())  # queued, and then it died
        story.add("advance")
        after = started(database, story, target)
        until(lambda: len(receiver.received) == 2, "both messages")
        after.stop()

    assert [got.json["data"]["op"] for got in receiver.received] == ["start", "advance"]


def test_a_lease_ends_by_itself(database: Database) -> None:
    """A process that was killed is replaced after it."""
    now = 1_800_000_000.0
    times = {
        "a takes it": ("a", now),
        "b waits": ("b", now + notifier.LEASE_SECONDS - 1),
        "a renews": ("a", now + notifier.LEASE_SECONDS - 1),
        "b still waits": ("b", now + notifier.LEASE_SECONDS + 1),
        "b takes it": ("b", now + 2 * notifier.LEASE_SECONDS),
        "a has lost it": ("a", now + 2 * notifier.LEASE_SECONDS),
        "c, after the clock was set back": ("c", now - 86_400),
    }
    leads = {}
    for name, (holder, moment) in times.items():
        leads[name] = database.write(partial(notifier.lead, holder=holder, now=moment))

    assert leads == {
        "a takes it": True,
        "b waits": False,
        "a renews": True,
        "b still waits": False,
        "b takes it": True,
        "a has lost it": False,
        "c, after the clock was set back": True,
    }


def test_rounds_in_which_the_database_is_not_asked_do_not_say_that_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for the lease now and then alone; else each time would be a line in the log."""
    monkeypatch.setattr(notifier, "POLL_SECONDS", 0.002)
    monkeypatch.setattr(notifier, "RENEW_SECONDS", 0.02)
    asked = []

    class Down:
        def write(self, work: object) -> bool:
            asked.append(work)
            raise Unavailable("the database does not answer")

    with Receiver() as receiver:
        targets = {"ops": Target(url_file=receiver.address(tmp_path), format="slack")}
        made = Notifier(Down, targets, [])  # type: ignore[arg-type]
        made.start()
        until(lambda: len(asked) > 3, "it to be asked again and again")
        made.stop()

    assert caplog.messages == ["Nobody is notified now: the database does not answer"]


def test_a_database_that_is_down_is_said_once(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And when it is back, it goes on."""
    story, answers = Story("promote"), iter([True, True, True])

    def opened() -> Database:
        if next(answers, False):
            raise Unavailable("the database does not answer")
        return database

    with Receiver() as receiver:
        targets = {"ops": Target(url_file=receiver.address(tmp_path), format="slack")}
        made = Notifier(opened, targets, [JournalWatch(targets, story.reader())])
        made.start()
        until(made.leads, "the database to be back")
        made.stop()

    assert caplog.messages == ["Nobody is notified now: the database does not answer"]
