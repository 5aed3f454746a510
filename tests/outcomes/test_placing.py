"""In which environment a call without one in its path is counted."""

from __future__ import annotations

import pytest

from registry.doctor.reports import MEANINGS, RECENT_MS, left_out
from registry.outcomes.placing import place_of

BOTH = ("production", "staging")


@pytest.mark.parametrize(
    ("named", "known", "own", "place"),
    [
        ("staging", BOTH, (), "staging"),
        ("staging", BOTH, ("staging",), "staging"),
        ("staging", BOTH, ("production",), None),
        (None, BOTH, ("staging",), "staging"),
        (None, ("production",), (), "production"),
        (None, BOTH, (), "unknown"),
        (None, BOTH, BOTH, "unknown"),
        ("prod", BOTH, ("production",), "unknown"),
        ("prod", ("production",), (), "unknown"),
    ],
)
def test_places(named: str | None, known: tuple[str, ...], own: tuple[str, ...], place: str | None) -> None:
    """Named, else the only one there is; the name of another registry's is not taken for it."""
    assert place_of(named, known, own) == place


def test_doctor_says_what_is_left_out() -> None:
    """Of the last day, with what helps; other counters are of others."""
    now = 100 * RECENT_MS
    counters = [(where, name, 3, now - 1) for where in BOTH for name in (*MEANINGS, "of others")]
    found = list(left_out([*counters, ("production", "refused", 9, now - RECENT_MS)], now))

    assert len(found) == 2 * len(MEANINGS)
    assert found[0].message == "3 feedbacks in spans or logs of production name no call that is known"
    assert {check.status for check in found} == {"warning"}
