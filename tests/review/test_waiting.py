"""People are told that calls wait, and operators what is odd about judges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from notify.test_journal_watch import queued
from outcomes_in import now, record

from registry.doctor import judges
from registry.notify.review_watch import ReviewWatch
from registry.outcomes.store.judged import Judge, Usual
from registry.policies.targets import Target

if TYPE_CHECKING:
    from outcomes_in import Desk

SLACK = Target(url_file=Path("x"), format="slack")
QUIET = Target(url_file=Path("y"), format="slack", events=("rollout.*",))
JUDGE = Judge("tone", "gpt-5.4", "sha256:5f")


def test_calls_that_wait_are_told_once_a_day(desk: Desk) -> None:
    """To the targets that want to know; nothing while none waits."""
    watch, at = ReviewWatch({"ops": SLACK, "quiet": QUIET}), datetime.now(UTC)
    watch.look(desk.store.main, at)
    assert queued(desk.store.main, "ops") == []
    desk.share = 1.0
    sent = [record(now() - 5000, response="x") for _ in range(3)]
    desk.send(*sent)
    desk.say("feedback", *({"call": call["id"], "kind": "down"} for call in sent))
    desk.fold()
    for moment in (at, at, at + timedelta(days=1)):
        watch.look(desk.store.main, moment)

    days = (f"{moment:%Y%m%d}" for moment in (at, at + timedelta(days=1)))
    assert queued(desk.store.main, "ops") == [f"review_production_{day}" for day in days]
    assert queued(desk.store.main, "quiet") == []
    ((body,),) = desk.store.main.read(
        lambda c: c.fetch("select body from notify_queue order by place limit 1")
    )
    assert "3 calls wait for review in production, the oldest since" in body


def test_a_judge_that_contradicts_itself_is_named() -> None:
    """Once it is clear: not by a few pairs, and not for few flips among many."""
    flips = [(JUDGE, 0.9, 0.1)] * 8
    steady = [(JUDGE, 0.9, 0.8)] * 20
    (found,) = judges.contradictions("production", flips + steady)

    assert found.message == (
        "gpt-5.4 contradicts itself in production by tone: on 8 of 28 calls that it judged twice"
    )
    assert "review --agreement" in str(found.remedy)
    assert list(judges.contradictions("production", flips)) == []
    assert list(judges.contradictions("production", flips[:1] + steady * 3)) == []


def test_a_judge_that_always_says_the_same_is_named() -> None:
    """After a hundred calls."""
    (found,) = judges.monotony("production", [Usual("tone", "gpt-5.4", 100, 1.0, 1.0)])

    assert found.message == "gpt-5.4 in production gave each of 100 calls the same tone: 1"
    others = [Usual("tone", "a", 99, 1.0, 1.0), Usual("tone", "b", 1000, 0.0, 1.0)]
    assert list(judges.monotony("production", others)) == []


def test_nonsense_is_named() -> None:
    """More than one answer in twenty."""
    (found,) = judges.nonsense("production", scored=90, answers=10)

    assert found.message == "10 answers of judge models in production are no score; 90 calls have one"
    assert list(judges.nonsense("production", scored=99, answers=1)) == []
    assert list(judges.nonsense("production", scored=1, answers=1)) == []
