"""Figures of calls, as people read them."""

from __future__ import annotations

import pytest

from registry.system import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0, "0"),
        (9_999, "9999"),
        (10_999, "11.0k"),
        (99_951, "100k"),
        (999_500, "1.00M"),
        (2_664_709, "2.66M"),
        (1_234_560_000_000, "1230G"),
    ],
)
def test_a_count_is_rounded_and_not_cut(value: int | None, shown: str) -> None:
    """Small ones are exact, great ones have three digits."""
    assert figures.count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.0, "$0.00"),
        (0.5, "$0.50"),
        (0.0123, "$0.0123"),
        (0.00003713, "$0.00003713"),
        (1e-9, "$0.000000001"),
        (0.99996, "$1.00"),
        (12.345, "$12.35"),
    ],
)
def test_money_has_no_exponent(value: float | None, shown: str) -> None:
    """What a call of a small model costs is read at a glance, too."""
    assert figures.dollars(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "-"),
        (0, 9, "0.0 %"),
        (1, 8, "12.5 %"),
        (1, 3000, "< 0.1 %"),
        (2999, 3000, "> 99.9 %"),
        (9, 9, "100.0 %"),
    ],
)
def test_a_few_are_not_none(part: int, whole: int, shown: str) -> None:
    """One error among thousands of calls is an error."""
    assert figures.share(part, whole) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0%"), (0.29, "29%"), (0.999, "99%"), (1.0, "100%"), (1.2786, "127%")]
)
def test_a_budget_is_spent_when_all_of_it_is(share: float, shown: str) -> None:
    """Rounded up, it would seem to be reached before it is reported."""
    assert figures.spent(share) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("error_rate", 0.0504, "5.04%"),
        ("error_rate", 0.05, "5%"),
        ("cost_per_call", 0.00014, "$0.00014"),
        ("p95_ms", 4012.0, "4012 ms"),
        ("p95_ms", None, "-"),
    ],
)
def test_a_value_above_a_limit_does_not_look_like_it(name: str, value: float | None, shown: str) -> None:
    """Else an alert would say that 5.0 % is above 5.0 %."""
    assert figures.metric(name, value) == shown


def test_evidence_has_no_exponent() -> None:
    """It is read beside its threshold."""
    assert [figures.evidence(e) for e in (0.314, 20.0, 1500.12, 2e9)] == [
        "0.314",
        "20",
        "1,500",
        "over a million",
    ]


def test_a_latency_has_the_unit_that_fits() -> None:
    """There are no 1000 ms."""
    assert [figures.milliseconds(value) for value in (None, 999.4, 999.6)] == ["-", "999 ms", "1.0 s"]


def test_calls_without_a_cost_do_not_make_the_others_cheaper() -> None:
    """The cost of a call is that of calls whose cost is known."""
    assert figures.cost_of_call({"calls": 4, "unpriced": 2, "cost_usd": 0.2}) == 0.1
    assert figures.cost_of_call({"calls": 2, "unpriced": 2, "cost_usd": None}) is None
