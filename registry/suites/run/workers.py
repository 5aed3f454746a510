"""Work off many jobs by a few workers, which end in an orderly way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from registry.suites.run.desk import Stop

J = TypeVar("J")


async def work_off(jobs: Iterable[J], work: Callable[[J], Awaitable[None]], workers: int, stop: Stop) -> None:
    """Do each job once, as many at a time as there are workers; with a stop no further one is begun.

    What one raises ends them all, and is raised.
    """
    waiting = iter(jobs)

    async def one_worker() -> None:
        for job in waiting:
            if stop.reason:
                return
            await work(job)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(one_worker())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
