"""Say how far a run is: on one line of a terminal, else by a line now and then, for the log of a CI job."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.cli import output
from registry.outcomes.rates import NANOS
from registry.system.figures import dollars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.suites.run.budget import Budget

LINE_SECONDS = 15.0  # between two lines of a log
REDRAW_SECONDS = 0.1  # between two changes of a line on a terminal; faster is not read
MINUTE = 60


@contextmanager
def telling(budget: Budget) -> Iterator[Callable[[int], None]]:
    """Yield what is called after each answer with how many are still wanted."""
    with output.progress() as show:
        show("waiting for the first answer")
        is_terminal = output.is_terminal_aside()
        every = REDRAW_SECONDS if is_terminal else LINE_SECONDS
        start = told = time.monotonic()
        done = 0

        def on_done(left: int) -> None:
            nonlocal told, done
            done += 1
            now = time.monotonic()
            if now - told >= every:
                told = now
                said = sentence(done, left, budget.spent / NANOS, now - start)
                show(said) if is_terminal else output.tell(said)

        yield on_done


def sentence(done: int, left: int, spent: float, seconds: float) -> str:
    """Say how far a run is, what it has cost, and how long it will still take at this rate."""
    said = f"{done} of {done + left} answers, {dollars(spent)}"
    return f"{said}, about {_duration(seconds / done * left)} left" if left else said


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / MINUTE)} min"
