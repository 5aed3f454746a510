"""How things are measured: beside a floor, in turns with it, so that both see the same machine."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import asdict, dataclass
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Name = TypeVar("Name")

REPEATS = 45  # short turns, and many: other work on the machine comes and goes within seconds
PER_SECOND = {"us": 1e6, "ms": 1e3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        work: what was done, in a few words.
        value: the median; not a number: it could not be measured, and `note` says why.
        unit: of `value`: ``us``, ``ms``, ``s``, ``/s``, ``KiB``, ``MiB``, ``%``.
        spread: half of what lies between the quartiles, as a share of the median (0.05: 5 %).
        floor: what `value` is compared with, measured in the same run; None: with nothing.
        quotient: how many times the floor it is in the median turn, where both take turns.
        target: what it should come to, in words.
        note: a figure worth knowing besides.
        prompts: how many there were, of work that is measured with ever more of them.
    """

    work: str
    value: float
    unit: str
    spread: float = 0.0
    floor: float | None = None
    target: str = ""
    note: str = ""
    prompts: int | None = None
    quotient: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the floor it is."""
        return self.quotient or (self.value / self.floor if self.floor else None)

    def to_json(self) -> dict[str, Any]:
        """Write it for a program."""
        value = None if math.isnan(self.value) else self.value
        return {**asdict(self), "value": value, "ratio": self.ratio}


def median(samples: Sequence[float]) -> tuple[float, float]:
    """The median of samples, and their spread as `Row` has it."""
    if len(samples) < 2:
        return samples[0], 0.0
    low, middle, high = statistics.quantiles(samples, n=4)
    return middle, (high - low) / 2 / middle if middle else 0.0


def quotient(samples: Sequence[float], floor: Sequence[float]) -> float:
    """How many times the floor it is in the median turn: both were measured in each."""
    return statistics.median([taken / least for taken, least in zip(samples, floor, strict=True)])


def in_turns(
    works: Mapping[Name, Callable[..., object]],
    *,
    calls: int,
    repeats: int = REPEATS,
    cpu: bool = False,
    given: Callable[[], tuple[object, ...]] = tuple,
) -> dict[Name, list[float]]:
    """The seconds that one call of each work takes, as often as it is repeated.

    The works are done one after the other, again and again, so that what the machine does besides
    befalls all of them; a median of `repeats` is not the best case, and no outlier either.

    Args:
        works: what to call, by name; each does its work `calls` times in one call.
        calls: how much work one call is.
        repeats: samples of each.
        cpu: count the time of this process's processor, not of the clock.
        given: makes what a work is called with, each time and outside of the time that is counted.
    """
    clock = time.process_time if cpu else time.perf_counter
    samples: dict[Name, list[float]] = {name: [] for name in works}
    for work in works.values():
        work(*given())  # once, to warm up
    for _ in range(repeats):
        for name, work in works.items():
            arguments = given()
            begun = clock()
            work(*arguments)
            samples[name].append((clock() - begun) / calls)
    return samples


def compared(
    samples: Mapping[str, Sequence[float]], floor: str, targets: Mapping[str, str], *, unit: str = "us"
) -> list[Row]:
    """Rows of what `in_turns` measured, each beside the floor, which is one of them."""
    scale = PER_SECOND[unit]
    lowest = median(samples[floor])[0] * scale

    def row(name: str, times: Sequence[float]) -> Row:
        middle, spread = median(times)
        if name == floor:
            return Row(name, middle * scale, unit, spread)
        beside = quotient(times, samples[floor])
        return Row(name, middle * scale, unit, spread, lowest, targets.get(name, ""), quotient=beside)

    return list(starmap(row, samples.items()))
