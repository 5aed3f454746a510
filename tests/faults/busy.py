"""What stands in the place of a registry and has no time for anybody."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from email.utils import formatdate
from threading import Event, Thread
from typing import TYPE_CHECKING

from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY = """HTTP/1.1 503 Busy\r
Date: {date}\r
Retry-After: {wait}\r
Content-Length: 0\r
Connection: close\r
\r
"""


def _content_length(head: bytes) -> int:
    """The size of a request's body in bytes: 0 where the head names none."""
    lines = head.decode("latin-1").lower().split("\r\n")
    return next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)


@contextmanager
def busy(port: int, seconds: int, *, dated: bool = False) -> Iterator[None]:
    """Answer 503 on a port, and ask whoever comes to come again after some seconds, or at a date."""
    loop, ready, refused = asyncio.new_event_loop(), Event(), Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_content_length(head))  # or the client sees a reset, and no answer
            now = time.time()
            wait = formatdate(now + seconds, usegmt=True) if dated else str(seconds)
            writer.write(BUSY.format(date=formatdate(now, usegmt=True), wait=wait).encode())
            await writer.drain()
            refused.set()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone
        finally:
            writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", port, backlog=1024) as server:
            ready.set()
            with suppress(asyncio.CancelledError):
                await server.serve_forever()
            if under_way := asyncio.all_tasks() - {asyncio.current_task()}:  # who asks at this moment
                for task in under_way:
                    task.cancel()
                await asyncio.wait(under_way)

    serving = loop.create_task(serve())
    thread = Thread(target=loop.run_until_complete, args=(serving,))
    thread.start()
    try:
        until(ready.is_set, "the port of the registry")
        yield
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join()
        loop.close()
    assert refused.is_set(), "nobody was refused, so nothing was shown"
