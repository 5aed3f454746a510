"""Put input by chance, or made to do harm, to one function: it accepts or refuses each case, at once."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from faults.scenario import Result, at_least

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator

SLOW_SECONDS = 0.1  # of the processor
SLOW_IN_SHORT = 0.5  # beside other tests, which share the caches of the processor
SHORT = 100  # times fewer than in full

Case = TypeVar("Case")


def put(
    use: Callable[[Case], object],
    kinds: Iterable[tuple[str, Callable[[random.Random], Case], int]],
    chance: random.Random,
    refusals: tuple[type[Exception], ...],
    *,
    full: bool,
) -> Iterator[Result]:
    """Give a row for each kind of case.

    Args:
        use: what is tried; only its time counts.
        kinds: what each row is called, what makes a case, and how many there are in full.
        chance: what the cases are made by.
        refusals: the exceptions with which it may refuse a case; each must have a message.
        full: all of them, by the strict bound.
    """
    bound = SLOW_SECONDS if full else SLOW_IN_SHORT
    with _without_garbage_of_others():
        for what, make, count in kinds:
            wanted = count if full else count // SHORT
            crashed = slow = accepted = 0
            worst = 0.0
            for _ in range(wanted):
                case = make(chance)
                begun = time.process_time()
                try:
                    use(case)
                    accepted += 1
                except refusals as error:
                    crashed += not str(error)
                except Exception:  # noqa: BLE001 - what this looks for
                    crashed += 1
                took = time.process_time() - begun
                slow += took > bound
                worst = max(worst, took)
            note = f"{accepted} accepted, slowest {worst * 1000:.0f} ms"
            yield at_least(Result(what, wanted, wrong=crashed, stale=slow, note=note), wanted)


@contextmanager
def _without_garbage_of_others() -> Iterator[None]:
    """Let a collection within a case look at what the case made, not at all that other tests left."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
