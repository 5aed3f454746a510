"""Calls of a rollout are counted from the database: once, however they come, and whatever dies between."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from outcomes_in import HOUR_MS, now, record

from registry.evidence import ledger
from registry.evidence.counting import EXPOSED, UNFINISHED_MS, Watch
from registry.evidence.ledger import Counted
from registry.outcomes.store import evidence as store

if TYPE_CHECKING:
    from outcomes_in import Desk

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
        while desk.store.main.write(partial(step, counted=counted or watched(), now=moment)):
            pass


def found(desk: Desk, metric: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Units and bad units of the canary and of control, over all steps."""
    steps = desk.store.main.read(lambda c: ledger.read_counts(c, ROLLOUT, METRICS))[metric]
    arms = [[step.canary for step in steps], [step.control for step in steps]]
    canary, control = ((sum(each.units for each in arm), sum(each.bad for each in arm)) for arm in arms)
    return canary, control


def summary(desk: Desk) -> store.Summary:
    """What is kept of the rollout."""
    kept = desk.store.main.read(lambda c: store.summary(c, ROLLOUT))
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
    numbers = [number for (number,) in desk.store.main.read(lambda c: c.fetch("select unit from units"))]
    return desk.store.main.read(lambda c: store.units(c, ROLLOUT, numbers))


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
    age = HOUR_MS + 2 * WAIT
    desk.send(
        measured(1, age, cost_usd=0.5),
        measured(1, age, cost_usd=0.25),
        measured(2, age, cost_usd=7.0),
        measured(3, age, cost_usd=0.1, **CONTROL),
    )
    count(desk)
    desk.send(measured(1, age, cost_usd=0.5))
    count(desk)

    (step,) = desk.store.main.read(lambda c: ledger.read_counts(c, ROLLOUT, METRICS))["cost"]
    assert (step.canary.sums.n, step.canary.sums.total) == (2, 750_000 + 10**6)
    assert (step.control.sums.n, step.control.sums.total, step.control.sums.squares) == (1, 100_000, 10**10)


def test_only_reports_of_named_tokens_count(desk: Desk) -> None:
    """Where the operator says whose."""
    desk.send(measured(1))
    desk.outcomes.take_calls("production", "another", "7d1e3d34-7a1f-4f6c-8a50-0b6f2f9d3c11", [measured(2)])
    count(desk, watched(tokens=frozenset({"another"})))

    assert found(desk, EXPOSED) == ((1, 0), (0, 0))
    assert dict(summary(desk).tokens) == {"another": 1}
