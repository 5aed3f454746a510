"""Questions: usage by period and dimensions, calls by their filters, one call with its content."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from outcomes_in import DAY_MS, HOUR_MS, KEEP, now, record

from registry.outcomes.store import calls, days, fold
from registry.outcomes.store.periods import FIRST_MONDAY, PERIODS, following, start_of

if TYPE_CHECKING:
    from outcomes_in import Desk


def day(milliseconds: int) -> str:
    """A date as a row of usage begins with it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")


@pytest.mark.parametrize("name", PERIODS)
def test_periods_follow_each_other(name: str) -> None:
    """Without a gap, through leap years and months of any length."""
    start = start_of(name, 1_700_000_000)
    for _ in range(500):
        end = following(name, start)
        assert start < end
        assert start_of(name, end) == end
        assert start_of(name, end - 1) == start
        start = end


def test_weeks_begin_on_monday() -> None:
    """In UTC."""
    assert datetime.fromtimestamp(FIRST_MONDAY, UTC).isoweekday() == 1
    assert datetime.fromtimestamp(start_of("week", 1_796_000_000), UTC).isoweekday() == 1


@pytest.mark.parametrize("period", [None, *PERIODS])
def test_every_period_adds_up_to_the_same(desk: Desk, period: str | None) -> None:
    """Minutes are read from single calls, the others from sums."""
    at = now()
    desk.send(*(record(at - minutes * 60_000) for minutes in (1, 2, 61, 62, 63)))
    desk.fold()
    rows = desk.usage("version", period=period, since=at // 1000 - 7200)

    assert sum(row["calls"] for row in rows) == 5
    assert sum(row["input_tokens"] for row in rows) == 500
    assert [row["period"] for row in rows] == sorted(row["period"] for row in rows)


def test_minutes_know_what_people_said_and_where_prices_are_from(desk: Desk) -> None:
    """As hours do; only resolutions are counted by hour, and so not known of a minute."""
    priced, other = record(cost_usd=0.5, version="1.0.0"), record(version="1.1.0")
    desk.send(priced, other)
    desk.say(fold.FEEDBACK, {"call": priced["id"], "kind": "up"}, {"call": priced["id"], "value": 0.25})
    desk.fold()
    since = now() // 1000 - 60
    minutes, hours = ([*desk.usage("version", period=name, since=since)] for name in ("minute", "hour"))

    known = [{name: row[name] for name in ("version", "feedback", "prices")} for row in minutes]
    assert known == [{name: row[name] for name in ("version", "feedback", "prices")} for row in hours]
    assert known[0]["feedback"] == {"up": 1, "value": {"count": 1, "mean": 0.25}}
    assert {row["resolutions"] for row in minutes} == {None}


def test_a_whole_span_says_since_when_it_is(desk: Desk) -> None:
    """It begins with an hour, beyond a week with a day; a call before what was asked for is in it."""
    hour = now() // HOUR_MS * HOUR_MS
    desk.send(record(hour))
    desk.fold()
    (row,) = desk.usage(since=hour // 1000 + 1799, until=hour // 1000 + 3600)

    assert datetime.fromisoformat(row["period"]).timestamp() * 1000 == hour
    (row,) = desk.usage(since=hour // 1000 - 8 * 86_400, until=hour // 1000 + 3600)
    assert row["period"].endswith("T00:00:00Z")


def test_days_are_the_days_of_calls(desk: Desk) -> None:
    """Yesterday's are not today's."""
    yesterday = now() - DAY_MS + HOUR_MS
    desk.send(record(yesterday), record(), record())
    desk.fold()

    counted = {row["period"][:10]: row["calls"] for row in desk.usage(period="day")}
    assert counted == {day(yesterday): 1, day(now()): 2} or day(yesterday) == day(now())


def test_usage_is_read_by_pages(desk: Desk) -> None:
    """A page may end within a period, and the next one goes on there."""
    desk.send(*(record(now() - hour * HOUR_MS, route=f"/{i}") for hour in (1, 3) for i in range(5)))
    desk.fold()
    found, after = [], None
    for _ in range(10):
        page, after, _ = desk.page("route", period="hour", limit=3, after=after)
        found += [(row["period"], row["route"]) for row in page]
        if after is None:
            break

    assert len(found) == len(set(found)) == 10
    assert found == sorted(found)


def test_usage_of_some_calls_alone(desk: Desk) -> None:
    """By the value of any dimension."""
    desk.send(record(segment="free"), record(segment="paid"), record(prompt="other", segment="free"))
    desk.fold()

    assert desk.total(where=(("segment", "free"),))["calls"] == 2
    assert desk.total(where=(("segment", "free"), ("prompt", "other")))["calls"] == 1


def test_calls_are_listed_newest_first_over_days(desk: Desk) -> None:
    """Page by page, also where tables of several days overlap in time."""
    times = [now() - hours * HOUR_MS for hours in range(1, 23, 3)]
    sent = [record(at) for at in times]
    desk.send(*reversed(sent))
    desk.fold()
    listed, after = [], None
    for _ in range(10):
        found, after = desk.outcomes.calls(
            replace(calls.Query(environment="production"), limit=4, after=after)
        )
        listed += found
        if after is None:
            break

    assert [call["id"] for call in listed] == [call["id"] for call in sent]


def test_filters_find_what_they_name(desk: Desk) -> None:
    """An error, an arm, a time; and all of them at once."""
    failed, slow, old = record(error="Oops"), record(arm="canary"), record(now() - 5 * HOUR_MS)
    desk.send(failed, slow, old)
    desk.fold()

    def found(**asked: object) -> set[str]:
        return {call["id"] for call in desk.calls(**asked)}

    assert found(where=(("prompt", "not-there"),)) == set()
    assert found(error="any") == found(error="Oops") == {failed["id"]}
    assert found(error="Other") == set()
    assert found(where=(("arm", "canary"),)) == {slow["id"]}
    assert found(since=now() - HOUR_MS) == {failed["id"], slow["id"]}
    assert found(until=now() - HOUR_MS) == {old["id"]}
    assert found(until=now() - HOUR_MS, error="any") == set()


def test_scores_are_sorted_from_the_worst(desk: Desk) -> None:
    """By pages that neither repeat nor leave out; a second score of the same judge replaces the first."""
    sent = [record() for _ in range(9)]
    desk.send(*sent)
    scores = [{"call": call["id"], "name": "judge", "value": i / 10} for i, call in enumerate(sent)]
    desk.say("scores", *scores)
    desk.say("scores", {**scores[0], "value": 0.95}, {**scores[1], "name": "other", "value": 0.0})
    desk.fold()

    worst = desk.calls(signal=("score", "judge"), below=0.5)
    assert [call["id"] for call in worst] == [call["id"] for call in sent[1:5]]
    assert [score["value"] for score in worst[0]["scores"]] == [0.1, 0.0]


def test_feedback_waits_for_its_call(desk: Desk) -> None:
    """And is counted where the call is; a repeat of a kind counts once, another kind beside it."""
    sent = record(version="1.1.0")
    for kind in ("down", "down", "edited"):
        desk.say("feedback", {"call": sent["id"], "kind": kind})
    desk.say("feedback", {"call": sent["id"], "value": 0.25})
    desk.fold()
    assert desk.usage() == []
    desk.send(sent)
    desk.fold()
    desk.say("feedback", {"call": sent["id"], "value": 0.75})
    desk.fold()

    (row,) = desk.usage("version")
    assert (row["version"], row["feedback"]) == (
        "1.1.0",
        {"down": 1, "edited": 1, "value": {"count": 1, "mean": 0.75}},
    )


@pytest.mark.parametrize("first", ["call", "feedback"])
def test_feedback_of_another_environment_is_none(desk: Desk, first: str) -> None:
    """It is not shown, and does not stand in the way of what the call's own app says."""
    sent = record()
    said = {"call": sent["id"], "kind": "up"}
    if first == "call":
        desk.send(sent)
        desk.fold()
    desk.say("feedback", said, environment="staging")
    desk.fold()
    desk.send(sent)
    desk.fold()
    assert desk.call(sent["id"])["feedback"] == []
    desk.say("feedback", said)
    desk.fold()

    assert desk.total()["feedback"] == {"up": 1}
    assert desk.call(sent["id"])["feedback"]
    assert desk.counters()["foreign_id"] == 1


def test_feedback_follows_its_call_into_another_series(desk: Desk) -> None:
    """A start record knows no model; what was said of it then belongs to the model that answered."""
    sent = record()
    desk.send({"id": sent["id"], "at": sent["at"], "prompt": "summarize", "started": True})
    desk.say("feedback", {"call": sent["id"], "kind": "up"})
    desk.fold()
    desk.send(sent)
    desk.fold()

    (row,) = desk.usage("model")
    assert (row["model"], row["feedback"]) == ("gpt", {"up": 1})


def test_a_resolution_counts_once(desk: Desk) -> None:
    """With the calls of its conversation; said again it replaces what was said."""
    hashed = "60303ae22b998861"  # of conversation
    desk.send(record(conversation=hashed, cost_usd=0.02), record(cost_usd=0.01))
    desk.resolve(hashed, ok=False)
    desk.fold()
    assert desk.total()["cost_per_resolution"] is None
    desk.resolve(hashed, ok=True)
    desk.resolve(hashed, ok=True)
    desk.fold()

    row = desk.total()
    assert (row["resolutions"], row["cost_per_resolution"]) == (1, pytest.approx(0.03))


def test_content_is_kept_of_what_the_rule_asks_for(desk: Desk) -> None:
    """Of all others it is dropped, whatever a client sends; so are comments where nothing is asked for."""
    desk.share = 0.0
    quiet = record(messages=["secret"], response="secret")
    desk.send(quiet)
    desk.say("feedback", {"call": quiet["id"], "kind": "down", "comment": "secret"})
    desk.share = 1.0
    loud = record(messages=["hello"], response="hi")
    desk.send(loud)
    desk.fold()

    assert desk.call(loud["id"], content=True)["messages"] == ["hello"]
    assert "messages" not in desk.call(loud["id"])
    assert "messages" not in desk.call(quiet["id"], content=True)
    assert not desk.call(quiet["id"])["sampled"]


def test_what_is_erased_stays_so(desk: Desk) -> None:
    """Identity and content are gone, and a report that comes again does not bring them back."""
    desk.share = 1.0
    sent = record(subject="9f86d081884c7d65", conversation="60303ae22b998861", response="hi")
    desk.send(sent)
    desk.fold()
    desk.outcomes._store.keeper.start = desk.fold  # type: ignore[method-assign]

    assert desk.outcomes.erase("production", "t", "key", "test").calls == 1
    desk.send(sent)
    call = desk.call(sent["id"], content=True)
    assert (call["erased"], call["conversation"], call.get("response")) == (True, None, None)
    assert desk.total()["calls"] == 1
    assert desk.outcomes.erase("production", "t", "key", "test").calls == 0


def test_old_tables_are_dropped(desk: Desk) -> None:
    """Calls after the retention; sums by hour after 90 days, and by day after two years."""
    desk.send(record())
    desk.fold()
    later = now() + (KEEP + 2) * DAY_MS
    desk.retain(later)
    assert desk.store.main.read(days.listed) == []
    assert desk.calls() == []
    assert desk.total()["calls"] == 1
    desk.retain(now() + 92 * DAY_MS)
    assert desk.usage(period="hour") == []
    assert desk.usage(period="day")[0]["calls"] == 1
    desk.retain(now() + 733 * DAY_MS)
    assert desk.usage(period="day") == []
