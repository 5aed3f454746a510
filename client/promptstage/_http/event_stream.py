"""Read a stream of events, each the moment it arrives, and notice when it has died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptstage import limits
from promptstage._http.registry_errors import NoStream
from promptstage._http.sockets import shut
from promptstage._http.sse import EventParser

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from promptstage._http.deadline import Deadline
    from promptstage._http.sse import Event


class Stream:
    """Events, each given the moment it arrives."""

    def __init__(self, read: Callable[[], bytes], sock: socket.socket, deadline: Deadline) -> None:
        self._read_some = read
        self._sock = sock
        self._deadline = deadline

    def __iter__(self) -> Iterator[Event]:
        parser = EventParser()
        heard = False
        self._deadline.put_off(limits.SILENCE)
        while chunk := self._read(heard=heard):
            # Comments and half events are no sign of life: a proxy that buffers may send such.
            for event in parser.feed(chunk):
                heard = True
                yield event
                self._deadline.put_off(limits.SILENCE)

    def interrupt(self) -> None:
        """End it, from another thread."""
        shut(self._sock)

    def _read(self, *, heard: bool) -> bytes:
        try:
            return self._read_some()
        except TimeoutError as error:
            still = f"there were {limits.SILENCE:g} s of silence" if heard else "it stays silent"
            raise NoStream(f"the stream was opened, but {still}: is a proxy buffering it?") from error
