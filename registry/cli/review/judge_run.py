"""Run a judge: until nothing waits, or for ever; with progress, and an orderly end at Ctrl-C and SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from registry.cli import http, output
from registry.cli.author import layout
from registry.cli.review.judging import Judging
from registry.errors import Unavailable
from registry.outcomes.prices import Prices
from registry.outcomes.rates import NANOS
from registry.suites.run import endpoint
from registry.suites.run.asking import Endpoints
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.cli.review.judging import Done

IDLE_SECONDS = 5.0  # between looks, while no call waits
DOWN_SECONDS = 15.0  # while the registry does not answer, or no model does
SPENT_SECONDS = 300.0  # while the day's money is spent: somebody may allow more
LINE_SECONDS = 60.0  # between two lines of a log
REASON = 300  # characters of why a model has no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for on the command line; `registry.cli.review.judge` says what it means."""

    environment: str
    watch: bool
    most: float
    model: str | None
    concurrency: int
    prices: Path | None
    as_json: bool


def run(wanted: Wanted) -> None:
    """Judge, and say what was done. Raises RegistryError; Exit with 1 if no model could be asked."""
    done = asyncio.run(_run(wanted))
    if wanted.as_json:
        output.dump(_json(done))
    else:
        output.say(_sentence(done), "bold")
        if done.spent_until:
            output.note(f"the day's ${wanted.most:g} are spent or held; more at {done.spent_until}")
        if done.outcomes["nothing"]:
            output.note(
                f"{done.outcomes['nothing']} calls are of versions without a rubric; docs/review.md shows one"
            )
    if done.outcomes["failed"]:
        output.complain(f"{done.outcomes['failed']} calls were not judged: {clean(done.failure, REASON)}")
        raise typer.Exit(1)


async def _run(wanted: Wanted) -> Done:
    settings = layout.around(Path.cwd()).settings.eval
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Endpoints(os.environ) as endpoints:
        judging = Judging(
            registry=http.connect(),
            environment=wanted.environment,
            endpoints=endpoints,
            endpoint_of=lambda model: endpoint.choose(model, settings.models, os.environ),
            prices=Prices(wanted.prices),
            usual=wanted.model or settings.judge,
            most=wanted.most,
            now=lambda: datetime.now(UTC),
        )
        with output.progress() as show:
            await _work(judging, wanted, stopped, _Teller(judging.done, show))
    return judging.done


class _Teller:
    """Says now and then what was done: on one line of a terminal, else by lines of a log."""

    def __init__(self, done: Done, show: Callable[[str], None]) -> None:
        self._done = done
        self._show = show
        self._told = time.monotonic()

    def tell(self) -> None:
        """Say it, if it is time to."""
        if output.is_terminal_aside():
            self._show(_sentence(self._done))
        elif time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            output.tell(_sentence(self._done))


async def _work(judging: Judging, wanted: Wanted, stopped: asyncio.Event, teller: _Teller) -> None:
    while not stopped.is_set():
        pause = await _step(judging, wanted)
        teller.tell()
        if pause is None:
            continue
        if not wanted.watch:
            return
        await _wait(stopped, pause)


async def _step(judging: Judging, wanted: Wanted) -> float | None:
    """Judge some calls; return how long to wait before the next, None: not at all."""
    done = judging.done
    done.spent_until = ""
    failed, before = done.outcomes["failed"], done.outcomes.total()
    try:
        claimed = await judging.some(wanted.concurrency)
    except Unavailable as error:
        if not wanted.watch:
            raise
        output.note(error.message)
        return DOWN_SECONDS
    if done.spent_until:
        return SPENT_SECONDS
    if claimed and done.outcomes["failed"] - failed == done.outcomes.total() - before:
        return DOWN_SECONDS  # not one of them could be judged
    return None if claimed else IDLE_SECONDS


async def _wait(stopped: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopped.wait(), seconds)
    except TimeoutError:
        return


def _sentence(done: Done) -> str:
    judged = "1 call" if done.outcomes["scored"] == 1 else f"{done.outcomes['scored']} calls"
    nonsense = f", answers that were no score: {done.nonsense}" if done.nonsense else ""
    return f"{judged} judged, scores: {done.scores}{nonsense}, ${done.nanos / NANOS:.4f}"


def _json(done: Done) -> dict[str, object]:
    return {
        "outcomes": dict(done.outcomes),
        "scores": done.scores,
        "nonsense": done.nonsense,
        "usd": done.nanos / NANOS,
        "failure": done.failure or None,
        "spent_until": done.spent_until or None,
    }
