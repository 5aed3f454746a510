"""Run coroutines that nearly always end at once, with a task only if they have to wait.

A task for each event of each of thousands of streams would cost more than sending it. From Python 3.12 on,
asyncio has this itself (``eager_start``).
"""

from __future__ import annotations

import asyncio
import types
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

_waiting: set[asyncio.Task[None]] = set()  # the loop holds only weak references to tasks


def start(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine until it waits, and the rest in a task."""
    try:
        future = work.send(None)
    except StopIteration:
        return
    except Exception as error:  # noqa: BLE001 - as in a task without a waiter: the caller is not to blame
        failed = {"message": "an event could not be sent", "exception": error}
        asyncio.get_running_loop().call_exception_handler(failed)
        return
    task = asyncio.get_running_loop().create_task(_go_on(work, future))
    _waiting.add(task)
    task.add_done_callback(_waiting.discard)


async def _go_on(work: Coroutine[Any, Any, None], future: Any) -> None:
    await _rest(work, future)


@types.coroutine
def _rest(work: Coroutine[Any, Any, None], future: Any) -> Generator[Any, Any, None]:
    """Wait for the coroutine's first future, then for all further ones."""
    while True:
        try:
            given = yield future
        except BaseException as error:  # noqa: BLE001 - any exception, such as its cancellation, is the coroutine's
            step = partial(work.throw, error)
        else:
            step = partial(work.send, given)
        try:
            future = step()
        except StopIteration:
            return
