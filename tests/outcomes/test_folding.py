"""From records to sums: each call counts once, whatever comes twice, late, or in another order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from outcomes_in import DAY_MS, HOUR_MS, KEEP, now, record, rfc3339

from registry.errors import Unavailable
from registry.outcomes.store import fold, inbox
from registry.outcomes.store.series import MAX_SERIES

if TYPE_CHECKING:
    from outcomes_in import Desk

COUNTED = (
    "calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "unpriced",
    "p50_ms",
    "ttft_p50_ms",
)


def counts(row: dict[str, Any]) -> dict[str, Any]:
    """What a row counts."""
    return {name: row[name] for name in COUNTED}


def test_calls_add_up(desk: Desk) -> None:
    """Tokens and costs exactly, latencies within two percent; what nobody said is null."""
    desk.send(record(cost_usd=0.1), record(cost_usd=0.2, duration_ms=1000), record(error="RateLimitError"))
    desk.fold()

    row = desk.total()
    assert counts(row) == {
        "calls": 3, "errors": 1, "input_tokens": 300, "output_tokens": 30, "cost_usd": 0.301, "unpriced": 0,
        "p50_ms": pytest.approx(500, rel=0.02), "ttft_p50_ms": None,
    }  # fmt: skip
    assert row["p95_ms"] == pytest.approx(500, rel=0.02)


def test_a_batch_counts_once_whoever_sends_it_again(desk: Desk) -> None:
    """Before it was folded, after that, and in both at once."""
    batch, sent = str(uuid4()), record()
    desk.send(sent, batch=batch)
    desk.send(sent, batch=batch)
    desk.fold()
    desk.send(sent, batch=batch)
    desk.fold()

    assert desk.total()["calls"] == 1


def test_a_call_counts_once_in_whatever_batch(desk: Desk) -> None:
    """Also twice in the same one."""
    sent = record()
    desk.send(sent, sent)
    desk.fold()
    desk.send(sent)
    desk.fold()

    assert desk.total()["calls"] == 1


def test_a_start_becomes_a_call(desk: Desk) -> None:
    """Its outcome corrects the sums by a difference, the series and the latencies, too."""
    sent = record(ttft_ms=100)
    start = {name: sent[name] for name in ("id", "at", "prompt", "version", "arm")}
    desk.send({**start, "started": True})
    desk.fold()
    assert counts(desk.total()) == {
        "calls": 1, "errors": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0, "unpriced": 0,
        "p50_ms": None, "ttft_p50_ms": None,
    }  # fmt: skip
    desk.send(sent)
    desk.fold()

    (row,) = desk.usage("model")
    assert (row["model"], row["calls"], row["input_tokens"]) == ("gpt", 1, 100)
    assert row["ttft_p50_ms"] == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_order_and_doubling_change_nothing(desk: Desk, seed: int) -> None:
    """Starts, outcomes and feedback, shuffled into batches, some sent twice, add up to the same."""
    chance = random.Random(seed)
    ended = [record(duration_ms=100.0 * i, error="Oops" if i % 5 == 0 else None) for i in range(1, 21)]
    started = [{"id": call["id"], "at": call["at"], "prompt": "summarize", "started": True} for call in ended]
    sent = [*ended, *started, *chance.sample(ended, 7)]
    chance.shuffle(sent)
    said = [{"call": call["id"], "kind": "down"} for call in ended[:4]]
    desk.say("feedback", *said[:2])
    while sent:
        part, sent = sent[: (size := chance.randint(1, 9))], sent[size:]
        desk.send(*part)
        if chance.random() < 0.5:
            desk.fold()
    desk.say("feedback", *said)
    desk.fold()

    row = desk.total()
    assert (row["calls"], row["errors"], row["input_tokens"]) == (20, 4, 2000)
    assert row["feedback"] == {"down": 4}
    assert row["p50_ms"] == pytest.approx(1000, rel=0.02)


def test_a_second_sight_fills_what_is_null_and_changes_nothing_else(desk: Desk) -> None:
    """The first report is the call."""
    sent = record(input_tokens=None, route="POST /tickets")
    desk.send(sent)
    desk.fold()
    desk.send({**sent, "input_tokens": 7, "output_tokens": 99, "route": "GET /"})
    desk.fold()

    call = desk.call(sent["id"])
    assert (call["input_tokens"], call["output_tokens"], call["route"]) == (7, 10, "POST /tickets")


def test_a_record_that_is_refused_fells_no_other(desk: Desk) -> None:
    """The answer says which, and why."""
    taken = desk.send(record(), record(input_tokens=-1), record(environment="staging"), record())
    desk.fold()

    assert taken.accepted == 2
    assert taken.refused == [
        {"index": 1, "detail": "input_tokens: a whole number from 0 to 1000000000000, or null"},
        {"index": 2, "detail": "environment: this was sent to production"},
    ]
    assert desk.total()["calls"] == 2
    assert desk.counters()["refused"] == 2


@pytest.mark.parametrize("days", [-3, 29, 365])
def test_a_call_of_another_time_is_refused(desk: Desk, days: int) -> None:
    """Its table is gone already, or a clock is wrong; the answer says so."""
    taken = desk.send(record(now() - days * DAY_MS))

    assert taken.accepted == 0
    assert taken.refused[0]["detail"].startswith("at: ")


def test_a_late_call_is_booked_on_the_day_before_it_arrived(desk: Desk) -> None:
    """So that no sum of last week changes; the call itself keeps its time."""
    late, ahead = now() - 10 * DAY_MS, now() + 25 * HOUR_MS
    desk.send(record(late, version="1.0.0"), record(ahead, version="2.0.0"))
    desk.fold()

    periods = {row["version"]: row["period"] for row in desk.usage("version", period="hour")}
    assert {version: period[:10] for version, period in periods.items()} == {
        "1.0.0": rfc3339(now() - DAY_MS)[:10],
        "2.0.0": desk.calls()[0]["arrived_at"][:10],
    }


def test_a_prompt_that_does_not_exist_counts_as_unknown(desk: Desk) -> None:
    """A table of foreign names would be anybody's to fill; calls without a prompt stay without."""
    desk.send(record(prompt="nobody", version="9.9.9"), record(prompt=None, version=None))
    desk.fold()

    found = [(row["prompt"], row["version"]) for row in desk.usage("prompt", "version")]
    assert found == [(None, None), ("unknown", "unknown")]


def test_unknown_fields_are_counted(desk: Desk) -> None:
    """A newer client is seen to send what this registry leaves out."""
    desk.send(record(mood="good", colour="red"))
    desk.fold()

    assert desk.counters()["unknown_field"] == 2


def test_series_are_bounded(desk: Desk) -> None:
    """A route with an id in it makes no more rows than there may be: the rest is `other`, and counted."""
    at = now() // 60_000 * 60_000 - 1000
    for first in range(0, MAX_SERIES + 500, 500):
        desk.send(*(record(at, route=f"/orders/{first + i}") for i in range(500)))
    desk.fold()

    rows = desk.usage("route", limit=5000)
    assert len(rows) == MAX_SERIES + 1
    assert sum(row["calls"] for row in rows) == MAX_SERIES + 500
    assert desk.usage("route", where=(("route", "other"),))[0]["calls"] == 500
    assert desk.counters()["other"] == 500


def test_another_environments_call_is_not_touched(desk: Desk) -> None:
    """An id that was seen elsewhere, forged or not, neither counts again nor changes that call."""
    sent = record(input_tokens=None)
    desk.send(sent)
    desk.send({**sent, "input_tokens": 5}, environment="staging")
    desk.say("feedback", {"call": sent["id"], "kind": "up"}, environment="staging")
    desk.fold()

    assert "input_tokens" not in desk.call(sent["id"])
    assert desk.total()["feedback"] == {}
    assert desk.usage(environment="staging") == []
    assert desk.counters()["foreign_id"] == 2


def test_only_one_folder_is_at_work(desk: Desk) -> None:
    """Whoever has the lease; when it is over, another one may."""
    desk.send(record())
    desk.fold(at=1000)
    desk.send(record())
    other = desk.new_folder("other")

    assert other.fold(2000) == 0
    assert other.fold(4000) == 1
    assert desk.folder.fold(5000) == 0


def test_a_clock_that_was_set_back_does_not_keep_the_lease(desk: Desk) -> None:
    """Its holder is gone, and its end lies an hour ahead: another folder goes on at once."""
    desk.send(record())
    desk.fold(at=3_600_000)
    desk.send(record())

    assert desk.new_folder("other").fold(1000) == 1


def test_a_batch_that_cannot_be_folded_is_set_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays where it can be looked at, and those after it are folded."""
    monkeypatch.setitem(fold.KINDS, "feedback", broken)
    desk.send(record())
    desk.say("feedback", {"call": record()["id"], "kind": "up"})
    desk.send(record())
    desk.fold()

    assert desk.total()["calls"] == 2
    assert desk.store.inbox.take() == []
    assert desk.outcomes.health().aside == 1


def test_batches_that_are_set_aside_do_not_fill_the_inbox(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are folded after them: they do not count among those that wait, only their bytes do."""
    monkeypatch.setattr(inbox, "MAX_ROWS", 5)
    poison(desk, monkeypatch)
    for _ in range(8):
        desk.send(record())
        desk.fold()

    assert desk.store.inbox.depth() == 0
    monkeypatch.setattr(inbox, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(inbox, "MAX_BYTES", 10)
    with pytest.raises(Unavailable, match="wait to be folded"):
        desk.send(record())


def test_what_was_set_aside_is_tried_again_when_a_registry_starts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that knows how to fold it counts it then, once; the id of its batch is still known."""
    sent, batch = record(), str(uuid4())
    with monkeypatch.context() as patch:
        patch.setitem(fold.KINDS, "calls", broken)
        desk.send(sent, batch=batch)
        desk.fold()
        desk.folder.retry(now())
        desk.fold()
        assert desk.outcomes.health().aside == 1
    desk.send(sent, batch=batch)
    desk.folder.retry(now())
    desk.fold()

    assert desk.total()["calls"] == 1
    assert desk.outcomes.health().aside == 0


def test_what_was_set_aside_is_forgotten_with_the_calls_of_its_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As they would not be kept any more; the log says so."""
    poison(desk, monkeypatch)
    desk.folder.retry(now() + (KEEP + 1) * DAY_MS)

    assert desk.outcomes.health().aside == 0
    assert "1 batches that were set aside are older than calls are kept" in caplog.text


def broken(*_: object) -> None:
    """Fold as a version with a fault does."""
    raise KeyError


def poison(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch of feedback be set aside."""
    monkeypatch.setitem(fold.KINDS, "feedback", broken)
    desk.say("feedback", {"call": record()["id"], "kind": "up"})
    desk.fold()


def test_identities_are_hashed_again(desk: Desk) -> None:
    """A client's hash can be guessed from a list of users; what is kept cannot. The bucket is in plain."""
    sent = record(unit="8000000000000000", subject="9f86d081884c7d65", conversation="60303ae22b998861")
    desk.send(sent)
    desk.fold()

    ((bucket, unit, subject, conversation),) = desk.store.main.read(
        lambda c: c.fetch(
            f"select bucket, unit, subject, conversation from calls_{sent['at'][:10].replace('-', '')}"
        )
    )
    assert bucket == 50_000
    plain = {int(sent[name], 16) for name in ("unit", "subject", "conversation")}
    assert not plain & {
        number for found in (unit, subject, conversation) for number in (found, found << 1, found << 1 | 1)
    }
    assert [
        call["id"]
        for call in desk.calls(conversations=desk.outcomes.conversation_numbers("60303ae22b998861"))
    ] == [sent["id"]]
