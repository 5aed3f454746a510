"""The evidence of harm over time: it ends with what is so now."""

from __future__ import annotations

import pytest

from registry.evidence.formulas import log_e_harm
from registry.evidence.over_time import POINTS, lines, shown, slot_ms
from registry.evidence.verdicts import e_value

BITS = {"exposed": 1, "errors": 2, "latency": 4}


def test_each_point_is_of_what_was_bad_by_then() -> None:
    """By metric, from the bits of the units; both arms count."""
    rows = [
        (0, "canary", 2, 3),
        (0, "control", 2, 1),
        (10, "canary", 2 | 4, 5),
        (POINTS - 1, "control", 4, 2),
    ]
    found = lines(rows, {"errors": 1.25, "latency": 1.5}, bits=BITS)

    assert found["errors"][0] == pytest.approx(e_value(log_e_harm(3, 1, 1.25)))
    assert found["errors"][9] == found["errors"][0]
    assert found["errors"][-1] == pytest.approx(e_value(log_e_harm(8, 1, 1.25)))
    assert found["latency"][0] == pytest.approx(1.0)
    assert found["latency"][10] == pytest.approx(e_value(log_e_harm(5, 0, 1.5)))
    assert found["latency"][-1] == pytest.approx(e_value(log_e_harm(5, 2, 1.5)))


@pytest.mark.parametrize("last", [0, 1, POINTS - 1, POINTS, 10 * POINTS + 7, 86_400_000])
def test_the_slots_hold_every_time(last: int) -> None:
    """From the first to the last, also where both are one."""
    width = slot_ms(0, last)

    assert 0 <= last // width < POINTS
    assert shown(1000, width, {})["times"][-1] * 1000 == 1000 + width * POINTS
