"""What counts say of a rollout: the first verdict that holds."""

from __future__ import annotations

import json
from math import exp, log

import pytest

from registry.evidence.formulas import Sums
from registry.evidence.measured import ARMS, bucket_of, measured_arm, measured_buckets
from registry.evidence.verdicts import E_CAP, Counts, Judged, Metric, StepCounts, Verdict, judge, verdict

ERRORS, COST = Metric("errors", 1.0), Metric("cost", 0.05, baseline=4000)
EVEN = (500, 500)


def bad(canary: int, control: int, units: tuple[int, int] = EVEN) -> tuple[StepCounts, ...]:
    """Counts of one step, of a metric of bad events."""
    return (StepCounts(5, Counts(units[0], canary), Counts(units[1], control)),)


def costs(canary: int, control: int, n: int = 200) -> tuple[StepCounts, ...]:
    """Counts of one step in which each unit of an arm costs about as much, in turns a tenth more and less."""
    arms = []
    for mean in (canary, control):
        values = [mean + (mean // 10 if number % 2 else -mean // 10) for number in range(n)]
        arms.append(Counts(n, 0, Sums(n, sum(values), sum(value * value for value in values))))
    return (StepCounts(5, *arms),)


@pytest.mark.parametrize(
    ("errors", "cost", "exposed", "expected"),
    [
        (bad(0, 0), costs(4000, 4000), EVEN, Verdict.collecting),
        (bad(40, 5), costs(4000, 4000), EVEN, Verdict.harm),
        (bad(40, 5), costs(4000, 4000), (900, 500), Verdict.harm),
        (bad(5, 5), costs(6000, 4000), EVEN, Verdict.harm),
        (bad(5, 5), costs(4000, 4000), (900, 500), Verdict.srm),
        (bad(5, 5, (900, 500)), costs(4000, 4000), EVEN, Verdict.no_data),
        (bad(5, 60), costs(3000, 4000, 2000), EVEN, Verdict.safe),
        (bad(5, 60), costs(4150, 4000), EVEN, Verdict.collecting),
    ],
)
def test_the_first_that_holds(
    errors: tuple[StepCounts, ...], cost: tuple[StepCounts, ...], exposed: tuple[int, int], expected: Verdict
) -> None:
    """Harm goes before a mismatch of the samples, and safe is said only of all metrics."""
    judged = [judge(ERRORS, errors, alpha=0.05, metrics=2), judge(COST, cost, alpha=0.05, metrics=2)]

    assert verdict(judged, exposed=exposed, alpha=0.05) == expected


def test_what_a_person_acknowledged_is_no_more_acted_on() -> None:
    """It is shown as harm, and the others are judged as before."""
    judged = judge(ERRORS, bad(40, 5), alpha=0.05, metrics=1)

    assert judged.is_harm
    assert verdict([judged], exposed=EVEN, alpha=0.05, acknowledged=frozenset({"errors"})) == "collecting"
    assert verdict([judged], exposed=EVEN, alpha=0.05, silent=frozenset({"errors"})) == "harm"
    assert verdict([], exposed=EVEN, alpha=0.05) == "off"


def test_a_threshold_is_that_of_all_metrics() -> None:
    """Five metrics need five times the evidence."""
    one, five = (judge(ERRORS, bad(12, 2), alpha=0.05, metrics=metrics) for metrics in (1, 5))

    assert exp(five.threshold) == pytest.approx(100)
    assert (one.is_harm, five.is_harm) == (True, False)
    assert five.more is not None
    assert judge(ERRORS, bad(12 + five.more, 2), alpha=0.05, metrics=5).is_harm
    assert one.more is None


def test_the_form_of_the_api() -> None:
    """All of it is JSON, however strong the evidence is."""
    shown = judge(ERRORS, bad(4000, 1), alpha=0.05, metrics=1).to_json(greatest=800.0)

    assert json.loads(json.dumps(shown)) == shown
    assert (shown["e"], 0 <= shown["p"] < 1e-300) == (pytest.approx(E_CAP), True)
    assert shown["steps"][0]["canary"] == {"units": 500, "bad": 4000}
    assert judge(COST, costs(4000, 4000, 50), alpha=0.05, metrics=1).to_json(0.0)["difference"] is None


@pytest.mark.parametrize("percent", [0, 0.001, 1, 5, 33.333, 50, 75, 99.999, 100])
def test_half_of_the_measured_are_canary(percent: float) -> None:
    """At every step; and they are among those whom the rollout puts there."""
    many = measured_buckets(percent)
    arms = [measured_arm(bucket, percent) for bucket in range(100_000)]

    assert [arms.count(arm) for arm in ARMS] == [many, many]
    canary = round(percent * 1000)
    assert "canary" not in arms[canary:]
    assert "control" not in arms[:canary]


def test_a_unit_keeps_its_arm() -> None:
    """Whatever the steps: a unit that is measured as control is never measured as canary."""
    for bucket in range(0, 100_000, 7):
        arms = {measured_arm(bucket, percent) for percent in (1, 5, 25, 50, 75, 95)}
        assert len(arms - {None}) <= 1


def test_the_bucket_of_a_unit() -> None:
    """The unit is what the bucket is scaled from."""
    assert [bucket_of(unit) for unit in ("0" * 16, "f" * 16, "8" + "0" * 15)] == [0, 99_999, 50_000]


def test_costs_that_are_all_the_same_can_be_judged() -> None:
    """A price by the call has no variance: equal ones are safe, dearer ones are harm."""
    metric = Metric("cost", 0.05, baseline=4000.0)

    def judged(canary: int) -> Judged:
        arms = [Counts(300, 0, Sums(300, 300 * each, 300 * each * each)) for each in (canary, 4000)]
        return judge(metric, [StepCounts(50, *arms)], alpha=0.05, metrics=1)

    same, dearer = judged(4000), judged(4400)
    assert (same.is_harm, same.log_e_safe >= log(20)) == (False, True)
    assert dearer.is_harm
