"""Deliver to real receivers: in order, again after failures, past what keeps failing, for a day."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from notify.receiver import Receiver

from registry.notify import queue
from registry.notify.courier import Courier
from registry.policies.targets import Target

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from notify.receiver import Received

    from registry.outcomes.store.database import Database

NOW = 1_800_000_000.0
DAY = 86_400.0


def put(database: Database, *ids: str, now: float = NOW) -> None:
    """Queue messages for ops."""
    messages = [queue.Message(each, "test", f'{{"text":"{each}"}}') for each in ids]
    database.write(lambda connection: queue.put(connection, "ops", messages, now))


def courier(database: Database, receiver: Receiver, folder: Path) -> Courier:
    """One for ops."""
    target = Target(url_file=receiver.address(folder), format="slack")
    return Courier("ops", target, database, lambda: True)


def drain(sends: Courier, now: float) -> int:
    """Deliver all that is due; return how many tries that were."""
    tries = 0
    while sends.deliver(now):
        tries += 1
    return tries


def test_messages_arrive_in_order(database: Database, tmp_path: Path) -> None:
    """Each once, and the queue is empty then."""
    put(database, "one", "two", "one", "three")
    with Receiver() as receiver:
        assert drain(courier(database, receiver, tmp_path), NOW) == 3

    assert receiver.texts == ["one", "two", "three"]
    assert database.read(queue.troubles) == []


def test_it_is_known_how_a_target_stands(database: Database, tmp_path: Path) -> None:
    """What it took last, what waits since when and why, and what was given up."""
    assert database.read(queue.standings) == {}
    put(database, "one", "two")
    statuses = iter([204, 503])
    with Receiver(lambda _: next(statuses)) as receiver:
        drain(courier(database, receiver, tmp_path), NOW)
    (failing,) = database.read(queue.standings).values()
    with Receiver(lambda _: 503) as receiver:
        drain(courier(database, receiver, tmp_path), NOW + 2 * DAY)
    (lost,) = database.read(queue.standings).values()

    assert (failing.taken, failing.taken_at) == ("test", NOW)
    assert (failing.waiting, failing.failing, failing.since, failing.lost) == (1, 1, NOW, 0)
    assert "503" in str(failing.error)
    assert (lost.waiting, lost.failing, lost.since, lost.error, lost.lost) == (0, 0, None, None, 1)


def test_one_that_fails_is_tried_again_and_holds_up_the_others(database: Database, tmp_path: Path) -> None:
    """For five minutes, so that they arrive in order after a short outage."""
    put(database, "one", "two")
    statuses = iter([500, 503, 204, 204])
    with Receiver(lambda _: next(statuses)) as receiver:
        sends = courier(database, receiver, tmp_path)
        tries = [drain(sends, NOW + seconds) for seconds in (0, 4, 5, 14, 15)]

    assert (tries, receiver.texts) == ([1, 0, 1, 0, 2], ["one", "one", "one", "two"])
    ids = {got.headers["webhook-id"] for got in receiver.received[:3]}
    assert ids == {"one"}


def test_after_five_minutes_others_overtake_it(database: Database, tmp_path: Path) -> None:
    """One that the receiver does not take does not silence all the rest; it is still tried."""
    put(database, "bad", "good")

    def answer(got: Received) -> int:
        return 400 if got.json["text"] == "bad" else 200

    with Receiver(answer) as receiver:
        sends = courier(database, receiver, tmp_path)
        drain(sends, NOW)
        for seconds in range(5, 300, 5):
            drain(sends, NOW + seconds)
        before = receiver.texts.count("good")
        drain(sends, NOW + 301)
        put(database, "later", now=NOW + 302)
        drain(sends, NOW + 302)
        trouble = database.read(queue.troubles)

    assert (before, receiver.texts.count("good"), receiver.texts.count("later")) == (0, 1, 1)
    assert [(each.target, each.messages, each.since, each.error) for each in trouble] == [
        ("ops", 1, NOW, "it answered 400")
    ]


def test_after_a_day_it_is_lost(database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That is logged, and counted; the log has the first failure and the end, but no address."""
    put(database, "bad")
    with Receiver(lambda _: 500) as receiver, caplog.at_level(logging.INFO):
        sends = courier(database, receiver, tmp_path)
        tries = sum(drain(sends, NOW + seconds) for seconds in range(0, int(DAY) + 1000, 100))
        left = drain(sends, NOW + 2 * DAY)

    assert (left, database.read(lambda connection: queue.state(connection, "lost:ops"))) == (0, 1)
    assert 90 < tries < 110
    first, last = caplog.messages
    assert first == "The notification bad for ops was not taken: it answered 500; it is tried for a day"
    assert last == "The notification bad for ops is lost, after a day: it answered 500"
    assert "a-secret" not in caplog.text


def test_a_receiver_says_when_to_come_again(database: Database, tmp_path: Path) -> None:
    """Within a quarter of an hour."""
    put(database, "one")
    statuses = iter([429, 204])
    with Receiver(lambda _: next(statuses)) as receiver:
        receiver.headers = {"retry-after": "120"}
        sends = courier(database, receiver, tmp_path)
        tries = [drain(sends, NOW + seconds) for seconds in (0, 119, 120)]

    assert tries == [1, 0, 1]


def test_an_address_that_is_missing_is_no_end(database: Database, tmp_path: Path) -> None:
    """When the file is there the message goes out."""
    put(database, "one")
    with Receiver() as receiver:
        sends = courier(database, receiver, tmp_path)
        (tmp_path / "url").rename(tmp_path / "aside")
        drain(sends, NOW)
        (trouble,) = database.read(queue.troubles)
        (tmp_path / "aside").rename(tmp_path / "url")
        drain(sends, NOW + 10)

    assert trouble.error.endswith("cannot be read: No such file or directory")
    assert receiver.texts == ["one"]
