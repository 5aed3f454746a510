"""A histogram of latencies that adds and subtracts exactly, with quantiles within 2 percent.

Bucket `i` holds the values from GAMMA**(i-1) to GAMMA**i milliseconds, as in DDSketch (Masson et al. 2019):
what stands for it is within 2 percent of each of them. Counts are whole numbers, so the order of additions,
merges and corrections changes nothing. Written, it is a row of pairs, so that two are merged by joining them.
"""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ERROR = 0.02
GAMMA = (1 + ERROR) / (1 - ERROR)
SMALLEST = 0.1  # milliseconds; anything faster counts as this
MANY = 2**16  # bytes: hundreds of histograms
MOST = 2**15 - 1  # of a pair; a greater count is several pairs
_LOG = math.log(GAMMA)
_MIDDLE = 2 / (1 + GAMMA)  # what stands for a bucket, as a share of its upper end
_PAIR = struct.Struct("<hh")  # the bucket, and its count: negative in a correction


def bucket(value: float) -> int:
    """Return the bucket of a value in milliseconds."""
    return math.ceil(math.log(max(value, SMALLEST)) / _LOG)


def value(index: int) -> float:
    """Return what stands for the values of a bucket, in milliseconds."""
    return float(_MIDDLE * GAMMA**index)


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """Return a quantile, 0 to 1, in milliseconds; None of nothing."""
    return quantiles(counts, (q,))[0]


def quantiles(counts: Mapping[int, int], wanted: Sequence[float]) -> list[float | None]:
    """Return quantiles in milliseconds."""
    indexes = sorted(counts)
    seen = list(accumulate(counts[index] for index in indexes))
    if not seen or seen[-1] < 1:
        return [None] * len(wanted)
    return [value(indexes[bisect(seen, q * (seen[-1] - 1))]) for q in wanted]


def encode(counts: Mapping[int, int]) -> bytes | None:
    """Write a histogram; None of nothing."""
    pairs = (_PAIR.pack(index, part) for index in sorted(counts) for part in _parts(counts[index]))
    return b"".join(pairs) or None


def decode(data: bytes | bytearray) -> Counter[int]:
    """Read one histogram, or several that were joined."""
    numbers = _numbers(data)
    counts = Counter(dict(zip(numbers[::2], numbers[1::2], strict=True)))
    if 2 * len(counts) < len(numbers):  # a bucket comes twice
        counts.clear()
        add(counts, data)
    return counts


def add(counts: dict[int, int], data: bytes | bytearray) -> None:
    """Add one histogram, or several that were joined, to what was counted.

    Args:
        counts: a plain dictionary, which is written to in two thirds of the time of a counter.
        data: what is added. Of very many the same pairs come again and again: how often is counted first.
    """
    get = counts.get
    if len(data) < MANY:
        numbers = _numbers(data)
        for index, count in zip(numbers[::2], numbers[1::2], strict=True):
            counts[index] = get(index, 0) + count
        return
    pairs = Counter(memoryview(data).cast("I"))
    for (index, count), times in zip(_PAIR.iter_unpack(array("I", pairs)), pairs.values(), strict=True):
        counts[index] = get(index, 0) + count * times


def _numbers(data: bytes | bytearray) -> Sequence[int]:
    return struct.unpack(f"<{len(data) // 2}h", data)


def _parts(count: int) -> Iterator[int]:
    sign, count = (1, count) if count > 0 else (-1, -count)
    while count:
        part = min(count, MOST)
        yield sign * part
        count -= part
