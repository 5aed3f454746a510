"""The one thread of a process that sends reports, for all its clients."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from threading import RLock, Thread, current_thread
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage._replica.lifecycle import forks_later, lose, register
from promptstage._replica.notifier import Flag, Notifier

if TYPE_CHECKING:
    from promptstage._reporting.backlog import Entry
    from promptstage._reporting.channel import Channel

_logger = logging.getLogger("promptstage")


class Sender:
    """Takes entries without waiting, and sends them in batches, second by second."""

    def __init__(self) -> None:
        self._channels: list[Channel] = []
        self._faults: set[str] = set()
        self.reset()
        register(self)

    def reset(self) -> None:
        """At first, and in a forked child: no thread, new locks, and nothing that the parent has to send."""
        self._lock = RLock()  # a signal handler may make a call, too
        self._some = Flag()
        self._due = Flag()
        self._turned = Notifier()
        self._urgent: set[Channel] = set()
        self._thread: Thread | None = None
        self._is_ending = False
        for channel in self._channels:
            channel.reset()

    def follow(self) -> None:
        """Go on, where a thread could not be started before."""
        if not all(channel.is_empty for channel in self._channels):
            self._start()

    def add(self, channel: Channel) -> None:
        """Send for one more client."""
        with self._lock:
            self._channels = [*self._channels, channel]

    def put(self, channel: Channel, entry: Entry) -> None:
        """Take an entry, and let go of others if there are too many."""
        if channel.stopped_by is not None:
            channel.backlog.dropped[entry.kind] += 1
            return
        with self._lock:
            backlog = channel.backlog
            backlog.put(entry)
            if backlog.size > limits.QUEUE_BYTES // max(1, len(self._channels)):  # else they are not too many
                self._shed()
        if self._thread is None:
            self._start()
        if not self._some.is_set:
            self._some.set()
        if backlog.count % limits.BATCH_CALLS == 0:
            self._due.set()

    def flush(self, channels: list[Channel], timeout: float) -> None:
        """Send what waits, at once; wait until it is sent, could not be, or the time is over."""
        waiting = {channel for channel in channels if not channel.is_empty and channel.stopped_by is None}
        if not waiting or self._is_ending or self._thread is None or self._thread is current_thread():
            return
        with self._lock:
            self._urgent |= waiting
        self._some.set()
        self._due.set()
        self._turned.wait_for(lambda: not waiting & self._urgent, timeout)

    def remove(self, channel: Channel) -> None:
        """Send nothing more for a client. Without any the thread ends."""
        with self._lock:
            self._channels = [other for other in self._channels if other is not channel]
        channel.close()
        self._some.set()
        self._due.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread, if it has nothing more to send for anybody."""
        thread = self._thread
        if not self._channels and thread and thread.is_alive() and thread is not current_thread():
            thread.join(timeout)

    def close(self) -> None:
        """The process ends: wait once, for all clients together."""
        self.flush(self._channels, limits.FLUSH)
        self._is_ending = True

    def _shed(self) -> None:
        """Let go of what matters least, of the client that has most to send."""
        while sum(channel.backlog.size for channel in self._channels) > limits.QUEUE_BYTES:
            if not max((channel.backlog for channel in self._channels), key=lambda each: each.size).shed():
                return

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            if forks_later():
                lose(retry_at_once=True)
                return
            self._thread = Thread(target=self._run, name="promptstage-calls", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system gives no more now, or the interpreter is about to end
                self._thread = None
                lose()
        self._close_with_the_process()

    def _close_with_the_process(self) -> None:
        """Send the last reports of a process of `multiprocessing`, too, which ends without `atexit`."""
        util, process = map(sys.modules.get, ("multiprocessing.util", "multiprocessing.process"))
        if util and process and process.parent_process() is not None:
            util.Finalize(None, self.close, exitpriority=0)

    def _run(self) -> None:
        while self._goes_on():
            with suppress(BaseException):  # it may be told to end from outside; there is no other one
                self._turn()

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._channels:
                self._thread = None
            return self._thread is not None

    def _turn(self) -> None:
        """Gather for a second, or until there is a batch, and send."""
        if self._is_idle():
            self._some.clear()
            if self._is_idle():  # nothing came in between
                self._some.wait(limits.SENDER_IDLE)
        self._due.wait(limits.BATCH_EVERY)
        self._due.clear()
        for channel in self._channels:
            self._send(channel)
        self._turned.notify_all()

    def _is_idle(self) -> bool:
        """Tell whether there is nothing to send, nobody who waits, and somebody who may have something."""
        channels = self._channels
        return bool(channels) and not self._urgent and all(channel.is_empty for channel in channels)

    def _send(self, channel: Channel) -> None:
        is_urgent = channel in self._urgent  # asked once: who wants it from now on has it at the next turn
        try:
            while channel.send(self._lock, at_once=is_urgent):
                pass
        except Exception as error:
            if repr(error) not in self._faults:
                self._faults.add(repr(error))
                _logger.exception("a fault of promptstage itself; please report it")
        if is_urgent:
            with self._lock:
                self._urgent.discard(channel)
        if channel.is_left and channel.is_empty:
            self.remove(channel)


_senders: list[Sender] = []


def close_all() -> None:
    """Send what waits in this process, if there is something."""
    for one in _senders:
        one.close()


def sender() -> Sender:
    """The one of this process."""
    if not _senders:
        _senders.append(Sender())
    return _senders[0]
