"""The evidence of harm over time, from what is kept of each unit. Pure.

A unit's bad event stands at the start of the unit's first call, as nothing else is kept of its time: the last
point is the present evidence, and the ones before are near to what was seen then.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from registry.evidence.formulas import log_e_harm
from registry.evidence.verdicts import e_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

POINTS = 60
"""Points of a line: more than a plot of a page shows apart."""


def slot_ms(first: int, last: int) -> int:
    """Return the width of a slot, such that `POINTS` of them hold both times (milliseconds since 1970)."""
    return (last - first) // POINTS + 1


def lines(
    slots: Iterable[tuple[int, str, int, int]], tolerances: Mapping[str, float], *, bits: Mapping[str, int]
) -> dict[str, list[float]]:
    """Return E of each metric at the end of each slot.

    Args:
        slots: slot, arm, the bits of the metrics in which units are bad, and how many units.
        tolerances: of the metrics that are ratios.
        bits: of each metric.
    """
    rows = list(slots)
    return {name: list(_line(rows, bits[name], tolerance)) for name, tolerance in tolerances.items()}


def _line(rows: Iterable[tuple[int, str, int, int]], bit: int, tolerance: float) -> Iterable[float]:
    bad = {"canary": [0] * POINTS, "control": [0] * POINTS}
    for slot, arm, bits, units in rows:
        if bits & bit:
            bad[arm][slot] += units
    for canary, control in zip(accumulate(bad["canary"]), accumulate(bad["control"]), strict=True):
        yield e_value(log_e_harm(canary, control, tolerance))


def shown(first: int, width: int, found: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return the form of the API: the ends of the slots in seconds since 1970, and E by metric."""
    return {"times": [(first + width * (slot + 1)) / 1000 for slot in range(POINTS)], "e": dict(found)}
