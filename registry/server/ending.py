"""End a worker: on a signal without waiting for its streams, and after its supervisor died."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ORPHAN_SECONDS = 10.0  # for a worker without its supervisor: twice what a stop takes


def end_on_signal(*ends: Callable[[], None]) -> None:
    """End streams and waits before uvicorn waits, without limit, for its connections to end."""
    loop = asyncio.get_running_loop()

    def wrap(before: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            for end in ends:
                loop.call_soon_threadsafe(end)
            before(number, frame)

        return handle

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, wrap(before))


def end_with_parent() -> None:
    """End a worker whose supervisor was killed: it would keep the port, and never be restarted."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(ORPHAN_SECONDS)
            os._exit(1)  # no supervisor is left to end a worker that hangs

    if parent is not None:
        Thread(target=watch, name="promptstage-parent", daemon=True).start()
