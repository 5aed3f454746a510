"""Calls of a rollout are counted from the database: once, however they come, and whatever dies between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from outcomes_in import DAY_MS, HOUR_MS, now, record

from registry.evidence import ledger
from registry.evidence.counting import EXPOSED, UNFINISHED_MS, Watch
from registry.evidence.ledger import Collected, Counted
from registry.evidence.verdicts import Counts
from registry.outcomes.store import evidence as store
from registry.outcomes.store import fold
from registry.outcomes.store.inbox import Batch
from registry.outcomes.store.retention import Retention

if TYPE_CHECKING:
    from outcomes_in import Desk

    from registry.outcomes.store.database import Connection

ROLLOUT = "r-1"
METRICS = ("errors", "latency", "feedback", "cost", "judge")
WAIT = 10_000
CANARY: dict[str, Any] = {"arm": "canary", "version": "1.1.0"}
CONTROL: dict[str, Any] = {"arm": "control", "version": "1.0.0"}
BEGUN = ("id", "at", "prompt", "unit", "arm", "version", "rollout", "seq")


def watched(**known: Any) -> Counted:
    """A rollout of 5 percent, from its first step on."""
    watch = Watch(
        versions={"canary": "1.1.0", "control": "1.0.0"},
        steps=((10, 5),),
        newest=10,
        metrics=METRICS,
        slower={"latency": 1000.0},
    )
    plain: dict[str, Any] = {
        "wait": WAIT,
        "cost_cap": 10**6,
        "judge": ("helpful", "gpt", "sha256:a"),
        "watch": watch,
    }
    return Counted(rollout=ROLLOUT, environment="production", prompt="summarize", **{**plain, **known})


def unit(number: int, arm: str = "canary") -> str:
    """A unit in the lowest or the highest buckets."""
    return f"{number if arm == 'canary' else (1 << 64) - 1 - number:016x}"


def measured(number: int = 1, age: int = 60_000, **known: Any) -> dict[str, Any]:
    """A call of a measured unit that began so many milliseconds ago."""
    plain: dict[str, Any] = {"rollout": ROLLOUT, "reason": "SPLIT", "seq": 10, **CANARY, **known}
    return record(now() - age, unit=unit(number, plain["arm"]), **plain)


def count(desk: Desk, counted: Counted | None = None, at: int | None = None) -> None:
    """Fold all, and count all that is due."""
    desk.fold()
    moment = now() if at is None else at
    for step in (ledger.count_due, ledger.close_due):
        while desk.store.main.write(partial(step, watched={ROLLOUT: counted or watched()}, now=moment)):
            pass


def found(desk: Desk, metric: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Units and bad units of the canary and of control, over all steps."""
    steps = collected(desk).counts[metric]
    arms = [[step.canary for step in steps], [step.control for step in steps]]
    canary, control = ((sum(each.units for each in arm), sum(each.bad for each in arm)) for arm in arms)
    return canary, control


def collected(desk: Desk) -> Collected:
    """What is counted of the rollout."""
    return desk.store.main.read(lambda c: ledger.collect(c, {ROLLOUT: METRICS}))[ROLLOUT]


def summary(desk: Desk) -> store.Summary:
    """What is kept of the rollout."""
    kept = collected(desk).summary
    assert kept is not None
    return kept


def test_calls_are_counted_once(desk: Desk) -> None:
    """By unit and metric; a second report, and a second round, change nothing."""
    first = measured(error="Timeout", duration_ms=1500.0)
    desk.send(first, measured(), measured(2), measured(3, **CONTROL))
    count(desk)
    desk.send(first)
    count(desk)

    assert found(desk, EXPOSED) == ((2, 0), (1, 0))
    assert found(desk, "errors") == ((2, 1), (1, 0))
    assert found(desk, "latency") == ((2, 1), (1, 0))
    assert found(desk, "feedback") == ((0, 0), (0, 0))
    assert (summary(desk).misassigned, dict(summary(desk).tokens)) == (0, {"t": 4})
    assert summary(desk).newest > now() - 60_000


def test_a_call_counts_some_time_after_its_start(desk: Desk) -> None:
    """So that slow calls are seen as soon as fast ones."""
    desk.send(measured(age=WAIT - 5_000))
    count(desk)
    assert found(desk, "errors") == ((0, 0), (0, 0))

    count(desk, at=now() + 5_000)
    assert found(desk, "errors") == ((1, 0), (0, 0))


def test_what_is_not_measured_does_not_count(desk: Desk) -> None:
    """Another arm, another rollout, a unit in between, and no unit at all."""
    desk.send(
        measured(1, **(CANARY | {"version": "1.0.0"})),
        measured(2, seq=9),
        {**measured(3), "unit": unit(3, "control")},
        {**measured(4), "rollout": "r-2"},
        {**measured(5), "unit": f"{1 << 63:016x}"},
        {**measured(6), "unit": None},
        {**measured(7), "arm": "stable", "version": "1.0.0"},
    )
    count(desk)

    assert found(desk, EXPOSED) == ((0, 0), (0, 0))
    assert summary(desk).misassigned == 3


def test_a_call_that_never_ends_is_an_error(desk: Desk) -> None:
    """Ten minutes after its start; one that ends meanwhile is what it ended as, and its cost counts once."""
    killed, slow = measured(1, age=0), measured(2, age=0)
    for each in (killed, slow):
        desk.send({name: each[name] for name in BEGUN} | {"started": True})
    count(desk, at=now() + WAIT)
    assert (found(desk, EXPOSED), found(desk, "errors")) == (((2, 0), (0, 0)), ((0, 0), (0, 0)))

    desk.send({**slow, "cost_usd": 0.002})
    count(desk, at=now() + WAIT)
    count(desk, at=now() + UNFINISHED_MS)
    assert found(desk, "errors") == ((2, 1), (0, 0))
    (kept,) = [each for each in _units(desk) if each.cost]
    assert kept.cost == 2_000_000


def _units(desk: Desk) -> list[store.UnitRow]:
    named = desk.store.main.read(lambda c: c.fetch("select rollout, unit from units"))
    return desk.store.main.read(lambda c: store.units(c, named))


def test_what_people_and_judges_say_later_counts(desk: Desk) -> None:
    """Whenever it comes; other judges and other scores do not."""
    calls = [measured(number) for number in range(5)]
    desk.send(*calls)
    count(desk)
    ids = [call["id"] for call in calls]
    desk.say("feedback", {"call": ids[0], "kind": "down"}, {"call": ids[1], "kind": "up"})
    good = {"call": ids[0], "name": "helpful", "value": 0.2, "judge": "gpt", "rubric": "sha256:a"}
    desk.say(
        "scores",
        good,
        {**good, "call": ids[1], "value": 0.9},
        {**good, "call": ids[2], "judge": "another"},
        {**good, "call": ids[3], "name": "polite"},
        {**good, "call": ids[4], "rubric": "sha256:b"},
    )
    count(desk, at=now() + WAIT)

    assert found(desk, "feedback") == ((2, 1), (0, 0))
    assert found(desk, "judge") == ((2, 1), (0, 0))
    assert found(desk, "errors") == ((5, 0), (0, 0))


def test_the_cost_of_a_unit_is_counted_when_its_hour_is_over(desk: Desk) -> None:
    """Capped; once; what comes late changes nothing more."""
    desk.send(
        measured(1, cost_usd=0.5),
        measured(1, cost_usd=0.25),
        measured(2, cost_usd=7.0),
        measured(3, cost_usd=0.1, **CONTROL),
    )
    count(desk)
    count(desk, at=now() + HOUR_MS + WAIT)
    desk.send(measured(1, cost_usd=0.5))
    count(desk, at=now() + HOUR_MS + WAIT)

    (step,) = collected(desk).counts["cost"]
    assert (step.canary.sums.n, step.canary.sums.total) == (2, 750_000 + 10**6)
    assert (step.control.sums.n, step.control.sums.total, step.control.sums.squares) == (1, 100_000, 10**10)


def test_only_reports_of_named_tokens_count(desk: Desk) -> None:
    """Where the operator says whose."""
    desk.send(measured(1))
    desk.outcomes.take_calls("production", "another", "7d1e3d34-7a1f-4f6c-8a50-0b6f2f9d3c11", [measured(2)])
    count(desk, watched(tokens=frozenset({"another"})))

    assert found(desk, EXPOSED) == ((1, 0), (0, 0))
    assert dict(summary(desk).tokens) == {"another": 1}


@pytest.mark.parametrize("off", [-24 * HOUR_MS, 24 * HOUR_MS, -20 * 60_000, 60_000])
def test_a_clock_that_is_off_changes_nothing(desk: Desk, off: int) -> None:
    """A call of such an app counts as begun when it came: no sooner than others, and not a day later."""
    killed = measured(1, age=-off)
    desk.send({name: killed[name] for name in BEGUN} | {"started": True}, measured(2, age=-off))
    count(desk)
    assert found(desk, EXPOSED) == ((0, 0), (0, 0))

    count(desk, at=now() + WAIT)
    assert (found(desk, EXPOSED), found(desk, "errors")) == (((2, 0), (0, 0)), ((1, 0), (0, 0)))
    count(desk, at=now() + UNFINISHED_MS)
    assert found(desk, "errors") == ((2, 1), (0, 0))


def test_rollouts_are_counted_together(desk: Desk) -> None:
    """Each by its own rules and its own time; who asks what is new is told whose counts have changed."""
    names = [f"r-{number}" for number in range(30)]
    desk.send(
        *({**measured(number % 3, error="Timeout"), "rollout": names[number % 30]} for number in range(90))
    )
    desk.fold()
    slow = {name: replace(watched(wait=10**6 if name == "r-7" else WAIT), rollout=name) for name in names}
    main = desk.store.main
    assert main.write(lambda c: ledger.count_due(c, slow, now())) == 87
    first = main.read(store.newest_revision)
    news = main.read(lambda c: store.news(c, 0))
    assert news == set(names) - {"r-7"}

    assert main.write(lambda c: ledger.count_due(c, slow, now() + 10**6)) == 3
    assert main.read(lambda c: store.news(c, first)) == {"r-7"}
    collected = main.read(lambda c: ledger.collect(c, dict.fromkeys(names, METRICS)))
    assert [each.counts["errors"][0].canary for each in collected.values()] == [Counts(1, 1)] * 30


def test_two_who_count_at_once_count_once(desk: Desk) -> None:
    """As each bite holds the lease until its transaction ends; the other one finds nothing to do."""
    desk.send(*(measured(number) for number in range(200)))
    desk.fold()
    begun = Barrier(2)

    def bites(holder: str) -> int:
        def bite(connection: Connection) -> int:
            holds = fold.hold_lease(
                connection, holder, now(), fold.GUARD_LEASE, lasts=-1
            )  # at once another's
            return ledger.count_due(connection, {ROLLOUT: watched()}, now()) if holds else 0

        begun.wait()
        return desk.store.main.write(bite)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(bites, ("one", "other"))) == [0, 200]
    assert found(desk, EXPOSED) == ((200, 0), (0, 0))


def test_an_erased_user_is_random_in_the_evidence(desk: Desk) -> None:
    """The counts stay as they are, and so does what they are added up from; nobody is found in it."""
    desk.send(measured(1, error="Timeout", subject="0" * 16), measured(2, subject="1" * 16))
    count(desk)
    before = {each.unit: each for each in _units(desk)}
    entry = {"subject": desk.outcomes._store.mask("subject", "0" * 16)}
    desk.store.inbox.append(Batch("erasure", "production", "t", now(), fold.ERASURES, [entry]))
    desk.fold()

    after = {each.unit: each for each in _units(desk)}
    (gone,), (come,) = before.keys() - after.keys(), after.keys() - before.keys()
    assert after[come]._replace(unit=gone) == before[gone]
    assert before[gone].bad
    again = desk.store.main.read(lambda c: ledger.recount(c, ROLLOUT, METRICS, None))
    assert again["errors"]["canary"] == Counts(2, 1)
    assert found(desk, "errors") == ((2, 1), (0, 0))


def test_units_are_kept_for_thirty_days_after_the_end(desk: Desk) -> None:
    """Also where calls are kept for less; what they add up to stays."""
    desk.send(measured(1, error="Timeout"), measured(2))
    count(desk)
    main = desk.store.main
    Retention(main, keep=1, holder="test").tend(now() + 29 * DAY_MS)
    assert len(_units(desk)) == 2
    main.write(lambda c: store.end(c, {ROLLOUT: now()}))
    Retention(main, keep=1, holder="test").tend(now() + 29 * DAY_MS)
    assert len(_units(desk)) == 2

    Retention(main, keep=1, holder="test").tend(now() + 31 * DAY_MS)
    assert _units(desk) == []
    assert found(desk, "errors") == ((2, 1), (0, 0))
