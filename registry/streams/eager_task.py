"""Run coroutines that nearly always end at once without a task, unless they have to wait.

A task for each event of each of thousands of streams would cost more than to send it. From Python 3.12 on,
asyncio has this itself (``eager_start``).
"""

from __future__ import annotations

import asyncio
import types
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

_waiting: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly


def start(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine as far as it goes, and the rest of it in a task."""
    try:
        future = work.send(None)
    except StopIteration:
        return
    except Exception as error:  # noqa: BLE001 - as of a task that nobody waits for: others are not to blame
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
    """Wait for what the coroutine waits for, and for all that it waits for then."""
    while True:
        try:
            given = yield future
        except BaseException as error:  # noqa: BLE001 - whatever it is, such as its end, it is the coroutine's
            step = partial(work.throw, error)
        else:
            step = partial(work.send, given)
        try:
            future = step()
        except StopIteration:
            return
