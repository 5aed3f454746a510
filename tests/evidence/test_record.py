"""The record of a change that evidence made: whatever was judged, it fits, and says what matters most."""

from __future__ import annotations

import pytest

from registry.evidence.assessment import Opinion
from registry.evidence.record import record
from registry.evidence.verdicts import Counts, Metric, StepCounts, Verdict, judge
from registry.policies.guard import MAX_NAMES
from registry.rollouts.guard import MAX_EVIDENCE, Guard, check_evidence, size
from registry.rollouts.state import MAX_STEPS

TOKENS = {f"t-{number:012x}": 10**6 - number for number in range(50)}


def opinion(metrics: int, steps: int, *, is_harm: bool) -> Opinion:
    """What is said of so many metrics at so many steps, the last of which are worst."""
    names = [f"flag:{number:064}" for number in range(metrics)]
    judged = [
        judge(
            Metric(name, 1.0),
            [
                StepCounts(100 * step / 51, Counts(10**6, 10**5 + 100 * number), Counts(10**6, 10**5))
                for step in range(steps)
            ],
            alpha=0.05,
            metrics=metrics,
        )
        for number, name in enumerate(names)
    ]
    harm = tuple(names) if is_harm else ()
    return Opinion(Verdict.harm if is_harm else Verdict.collecting, tuple(judged), (), harm)


@pytest.mark.parametrize("is_harm", [True, False])
@pytest.mark.parametrize(("metrics", "steps"), [(1, 1), (5, 5), (1, MAX_STEPS), (MAX_NAMES, MAX_STEPS)])
def test_the_record_fits(metrics: int, steps: int, *, is_harm: bool) -> None:
    """A change is not refused for it; what is left out are the steps, and then the metrics that say least."""
    found = record("r-1", opinion(metrics, steps, is_harm=is_harm), Guard(), TOKENS)
    shown = found["harm" if is_harm else "judged"]

    check_evidence(found)
    assert (found["metrics"], len(found["tokens"])) == (1, 20)
    assert all(("steps" in each) == (metrics * steps <= MAX_STEPS) for each in shown)
    if metrics == MAX_NAMES:
        assert 5 < len(shown) < MAX_NAMES
        assert shown[0]["name"] == f"flag:{MAX_NAMES - 1:064}"
        assert shown[0]["totals"] == [[50 * 10**6, 50 * (10**5 + 1900)], [50 * 10**6, 50 * 10**5]]
        assert size(found) > MAX_EVIDENCE * 3 / 4
    else:
        assert len(shown) == metrics
