"""Latencies: quantiles within two percent, and corrections that leave no trace."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from registry.outcomes import histogram

VALUES = st.lists(st.floats(0.2, 1e9), min_size=1, max_size=200)


def of(values: list[float]) -> Counter[int]:
    """The histogram of some values."""
    return Counter(map(histogram.bucket, values))


def written(values: list[float]) -> bytes:
    """The same as it is stored."""
    return histogram.encode(of(values)) or b""


@given(VALUES, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_quantiles_are_within_two_percent(values: list[float], q: float) -> None:
    """Of the value at that rank, whatever the values are."""
    exact = sorted(values)[int(q * (len(values) - 1))]
    found = histogram.quantile(of(values), q)

    assert found is not None
    assert abs(found - exact) <= exact * (histogram.ERROR + 1e-9)


@given(VALUES, VALUES)
def test_joining_is_as_if_counted_at_once(one: list[float], other: list[float]) -> None:
    """Hours make a day, in any order."""
    assert histogram.decode(written(one) + written(other)) == of(one + other)


@given(VALUES, VALUES)
def test_what_was_subtracted_was_never_there(kept: list[float], taken: list[float]) -> None:
    """A corrected call leaves its first latency's bucket exactly."""
    counts = of(kept + taken)
    counts.subtract(of(taken))

    assert histogram.decode(histogram.encode(counts) or b"") == of(kept)


@given(st.dictionaries(st.integers(-80, 600), st.integers(-(10**6), 10**6)))
def test_what_is_written_is_read(counts: dict[int, int]) -> None:
    """All but empty buckets, which nobody needs."""
    assert histogram.decode(histogram.encode(counts) or b"") == {i: n for i, n in counts.items() if n}


def test_of_nothing_there_is_no_quantile() -> None:
    """A model that was never called has no latency, rather than zero."""
    assert histogram.quantile({}, 0.5) is None
    assert histogram.encode({}) is None


def test_a_day_of_latencies_is_small() -> None:
    """A roll-up's row holds it: a thousand calls between 0.1 and 10 s fit into 500 bytes."""
    assert len(written([100 * 1.0047**i for i in range(1000)])) < 500
