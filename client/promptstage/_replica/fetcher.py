"""Fetch a name for the first time: once for all threads, and not while the breaker is open."""

from __future__ import annotations

import logging
import sys
from math import inf
from threading import RLock, Thread, current_thread
from traceback import walk_stack
from typing import TYPE_CHECKING

from promptstage._http.registry_errors import Fault, no_thread
from promptstage._replica.lifecycle import forks_later
from promptstage._replica.notifier import Flag
from promptstage.clock import uptime

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from promptstage._replica.health import Health


_logger = logging.getLogger("promptstage")


class _Flight:
    """One fetch under way, and those who wait for it."""

    def __init__(self) -> None:
        self.landed = Flag()
        self.fault: Fault | None = None
        self.thread: Thread | None = None


class Fetcher:
    """Runs first fetches in threads of their own, so that `timeout` holds even where DNS hangs."""

    def __init__(self, timeout: float, health: Health, afterwards: Callable[[], None]) -> None:
        self._timeout = timeout
        self._health = health
        self._afterwards = afterwards
        self.reset()

    def reset(self) -> None:
        """In a forked child: the parent's flights never land there."""
        self._lock = RLock()  # a signal handler may ask, too
        self._flights: dict[Hashable, _Flight] = {}

    def fetch(self, what: Hashable, work: Callable[[], None], at_most: float = inf) -> Fault | None:
        """Run `work`, or wait for whoever runs it already; at most `timeout`.

        Args:
            what: the same for those who want the same.
            work: fetches and stores it. A Fault opens the breaker.
            at_most: seconds to wait, if those are fewer.

        Returns:
            What went wrong, if something did.
        """
        if fault := self._health.breaker:
            return fault
        if at_most == inf:
            _warn_in_event_loop()
        if forks_later():
            self._fly(what, here := _Flight(), work)
            return here.fault
        flight = self._board(what, work)
        patience = min(self._timeout, max(0.0, at_most))
        if flight.landed.wait(patience):
            return flight.fault
        fault = Fault(f"no answer within {patience:g} s")
        if patience == self._timeout:  # else it may well be about to come
            self._health.open(fault)
        return fault

    def join(self, timeout: float) -> None:
        """Wait for the flights under way, and for what they do afterwards."""
        deadline = uptime() + timeout
        for flight in tuple(self._flights.values()):
            thread = flight.thread  # not started yet, or that of a finalizer that closes the client
            if thread and thread.is_alive() and thread is not current_thread():
                thread.join(max(0.0, deadline - uptime()))

    def _board(self, what: Hashable, work: Callable[[], None]) -> _Flight:
        with self._lock:
            flight = self._flights.get(what)
            # Without a thread it is one that we were about to start when a signal handler came in between.
            if flight is None or flight.landed.is_set or flight.thread is None:
                flight = self._flights[what] = _Flight()
                self._health.count("first_fetches")
                try:
                    flight.thread = Thread(
                        target=self._fly, args=(what, flight, work), name="promptstage-fetch", daemon=True
                    )
                    flight.thread.start()
                except RuntimeError as error:
                    flight.thread, flight.fault = None, Fault(no_thread(error))
                    flight.landed.set()
            return flight

    def _fly(self, what: Hashable, flight: _Flight, work: Callable[[], None]) -> None:
        try:
            work()
        except Fault as fault:
            flight.fault = fault
            if not fault.of_one_name:
                self._health.open(fault)
        finally:
            flight.landed.set()
        self._afterwards()
        with self._lock:
            if self._flights.get(what) is flight:
                del self._flights[what]


_warned = False  # no Event: a child that is forked while another thread sets it would wait for ever


def _warn_in_event_loop() -> None:
    """Say once that a fetch is about to hold up an event loop, and where in the application.

    In the log and not as a Python warning: where those are errors, `get` would fail.
    """
    global _warned  # noqa: PLW0603 - once a process
    if _warned or not _in_event_loop():
        return
    _warned = True
    file, line = next(
        (frame.f_code.co_filename, line)
        for frame, line in walk_stack(None)
        if not frame.f_globals.get("__name__", "").startswith(("promptstage.", "contextlib"))
    )
    _logger.warning(
        "%s, line %d: get waits for the registry here, and the event loop with it; "
        "use `await client.aget(...)`, or name the prompt in Client(prompts=[...])",
        file,
        line,
    )


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")  # a program with a loop has it imported
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
