"""What a run needs to ask and to judge, and its orderly end at Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from registry.cli import output
from registry.outcomes.prices import Prices
from registry.suites.run import endpoint
from registry.suites.run.asking import Endpoints
from registry.suites.run.budget import Budget
from registry.suites.run.desk import Desk, Stop
from registry.suites.run.judging import Judging
from registry.suites.run.pricing import Pricing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from registry.catalog.parsing.eval_settings import EvalSettings
    from registry.suites.run.answers import AnswerStore

T = TypeVar("T")
STOPPING = "stopping; answers under way are waited for, and kept. Ctrl-C again drops them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a plan is carried out.

    Attributes:
        repeat: how often each case is asked at first.
        concurrency: questions at the same time.
        dollars: the most that may be spent.
        judge: that judges everything, whatever the checks name.
        offline: whether only kept answers are taken.
        override: why a failure is let pass; None: it is not.
        prices: the operator's file, which comes before the published prices.
    """

    repeat: int
    concurrency: int
    dollars: float
    judge: str | None
    offline: bool
    override: str | None
    prices: Path | None


@dataclass(frozen=True, slots=True)
class Engine:
    """Asks and judges.

    Attributes:
        endpoints: counts requests.
        desk: answers.
        judging: judges answers.
        stop: ends the run early.
    """

    endpoints: Endpoints
    desk: Desk
    judging: Judging
    stop: Stop


@asynccontextmanager
async def opened(settings: EvalSettings, limits: Limits, answers: AnswerStore) -> AsyncIterator[Engine]:
    """Yield an engine; nothing is connected until something is asked."""
    stop = Stop()
    async with Endpoints(os.environ) as endpoints:
        desk = Desk(
            answers=answers,
            endpoints=endpoints,
            endpoint_of=lambda model: endpoint.choose(model, settings.models, os.environ),
            pricing=Pricing(Prices(limits.prices)),
            budget=Budget.of(limits.dollars),
            stop=stop,
            offline=limits.offline,
        )
        with closing(Judging(desk, limits.judge, settings.judge)) as judging:
            yield Engine(endpoints, desk, judging, stop)


def run(work: Coroutine[None, None, T]) -> T:
    """Do the work in an event loop: uvloop's where it is, which takes a sixth less time for a request."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):  # on Windows
        import uvloop  # noqa: PLC0415 - no other command should wait for it

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


async def until_stopped(work: Coroutine[None, None, None], stop: Stop) -> None:
    """Do the work. The first Ctrl-C lets what is under way end, the second one drops it."""
    task = asyncio.create_task(work)

    def interrupt() -> None:
        if stop.reason == "interrupted":
            task.cancel()
        else:
            stop.reason = "interrupted"
            output.note(STOPPING)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        loop.remove_signal_handler(signal.SIGINT)
