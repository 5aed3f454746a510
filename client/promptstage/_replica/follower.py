"""Keep releases fresh in one thread: by a stream, by polling where there is none, with back-off."""

from __future__ import annotations

import json
import logging
import random
from contextlib import suppress
from math import inf
from threading import RLock, Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from promptstage import limits
from promptstage._http.registry_errors import Fault, NoStream
from promptstage._replica.lifecycle import forks_later, lose
from promptstage._replica.notifier import Flag
from promptstage._replica.progress import Progress
from promptstage._replica.release_store import read_json
from promptstage._replica.validation import rank
from promptstage.clock import uptime
from promptstage.errors import ReleaseInvalid
from promptstage.model import EDITION

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage._http.event_stream import Stream
    from promptstage._http.sse import Event as ServerEvent
    from promptstage._http.transport import Transport
    from promptstage._replica.health import Health
    from promptstage._replica.release_store import ReleaseStore
    from promptstage.status import StreamStatus

_logger = logging.getLogger("promptstage")
KINDS = ("release", "heartbeat")


class Follower:
    """Follows the names in `wanted`.

    Args:
        transport: the way to the registry.
        holdings: where releases go.
        health: where faults go.
        wanted: the names to follow.
        asked_for: those of them about which `get` itself asks first.
        refresh: fetch one name's release, conditionally.
        store: ``(name, data)`` of a release that was taken in.
        save: write what is to be stored. Called when nobody waits.
    """

    def __init__(  # noqa: PLR0913 - a composition root's wiring, by keyword
        self,
        *,
        transport: Transport,
        holdings: ReleaseStore,
        health: Health,
        wanted: dict[str, None],
        asked_for: dict[str, None],
        refresh: Callable[[str], None],
        store: Callable[[str, bytes], None],
        save: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._holdings = holdings
        self._health = health
        self._wanted = wanted
        self._asked_for = asked_for
        self._refresh = refresh
        self._store = store
        self._save = save
        self._stop = Flag()
        self.reset()
        self._attempted = -limits.ATTEMPT_SPACING

    def reset(self) -> None:
        """At first, and in a forked child: no thread, no stream, new locks."""
        self._lock = RLock()  # a signal handler may ask for a new name, too
        self._wake = Flag()
        stopped = self._stop.is_set
        self._stop = Flag(is_set=stopped)
        self._thread: Thread | None = None
        self._reopener: Thread | None = None
        self._stream: Stream | None = None
        self._asked: dict[str, str | None] = {}
        self._grown = False  # whether names may have become wanted since: to look is too slow for each event
        self._progress = Progress("closed" if stopped else "idle")
        self._inquired: dict[str, float] = {}
        self._streamless = 0
        self._last_error = ""
        # A child that is about to end, or to run another program, need not connect.
        self._attempted = uptime() + limits.GATHER - limits.ATTEMPT_SPACING

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set

    def follow(self) -> None:
        """Begin, or take in names that have become wanted since: those of a burst together."""
        with self._lock:
            if self.is_stopped or not self._wanted:
                return
            self._grown = True
            if forks_later():
                lose(retry_at_once=True)
                return
            try:
                self._start()
            except RuntimeError as error:
                self._has_no_thread(error)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="promptstage", daemon=True)
            self._thread.start()
        elif self._reopener is None:
            self._reopener = Thread(target=self._reopen, name="promptstage-reopen", daemon=True)
            self._reopener.start()

    def _has_no_thread(self, error: RuntimeError) -> None:
        """The system gives no more, this interpreter allows none, or it is about to end: `get` goes on."""
        self._reopener = None
        if self._thread and not self._thread.is_alive():
            self._thread = None
        if main_thread().is_alive():
            lose()
            self._progress.no_thread(error, self._holdings)

    def wake(self) -> None:
        """The registry was seen alive: end a back-off."""
        self._wake.set()

    def pause(self, seconds: float) -> None:
        """Let the caller wait, but not when this is stopped."""
        self._stop.wait(seconds)

    def stop(self) -> None:
        """Ask the thread to end. The transport, stopped too, wakes it."""
        self._stop.set()
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        for thread in (self._thread, self._reopener):
            if thread and thread.is_alive() and thread is not current_thread():
                thread.join(timeout)

    def status(self) -> StreamStatus:
        """The part of `Client.status` that is about the stream."""
        return self._progress.status()

    def _run(self) -> None:
        while not self.is_stopped:
            with suppress(BaseException):  # it may be told to end even while it takes note of that
                self._go_on()
        self._progress.enter("closed")

    def _go_on(self) -> None:
        """Whatever happens: a client without this thread is blind for ever, and nobody would notice."""
        while not self.is_stopped:
            try:
                self._follow_or_poll()
            except Fault as fault:
                self._back_off(fault)
            except Exception as error:
                if repr(error) != self._last_error:  # once, and not at each attempt
                    self._last_error = repr(error)
                    _logger.exception("a fault of promptstage itself; please report it")
                self._back_off(Fault(repr(error)))
            except BaseException as error:  # noqa: BLE001 - a thread can be told to end from outside
                _logger.warning("the thread that keeps prompts fresh does not end for %r", error)
                self._back_off(Fault(repr(error)))

    def _follow_or_poll(self) -> None:
        try:
            self._follow()
        except NoStream as fault:
            self._streamless += 1
            self._health.note(fault)
            self._poll(fault)

    def _follow(self) -> None:
        """Read the stream until new names are due. Raises Fault, if it ends for another reason."""
        self._begin_attempt()
        self._progress.enter("connecting", self._progress.error)
        self._grown = False  # before the names are read: what becomes wanted meanwhile counts as later
        names = self._asked = {name: self._position(name) for name in tuple(self._wanted)}
        path = f"/v1/environments/{quote(self._holdings.environment, safe='')}/stream"
        try:
            with self._transport.stream(path, {"names": names, "edition": EDITION}) as self._stream:
                self._opened(names)
                for event in self._stream:
                    self._take(event, names)
                    if self._is_over(names):
                        return
        except Fault:
            if not self._is_over(names):
                raise
        else:
            if not self._is_over(names):
                raise Fault("the registry ended the stream")
        finally:
            self._stream = None

    def _opened(self, names: dict[str, str | None]) -> None:
        self._health.accepted()
        self._health.count("streams_opened")
        if self._lacks(names):
            self.follow()

    def _take(self, event: ServerEvent, names: dict[str, str | None]) -> None:
        self._progress.run()
        if event.kind not in KINDS:  # of a newer registry; it may hold anything
            return
        try:
            body = read_json(event.data)
        except ReleaseInvalid as error:
            # Nobody knows whose it was; ask again, saying what we hold.
            raise Fault(f"the stream sent something unreadable: {error}") from error
        if event.kind == "release":
            name = body.get("prompt")
            if not isinstance(name, str):
                self._health.note(Fault("the stream sent a release without a name"))
            elif name in names and self._holdings.adopt(name, body):
                self._store(name, event.data)
        else:
            self._beat(body, names)
        self._save()

    def _beat(self, body: dict[str, Any], names: dict[str, str | None]) -> None:
        try:
            self._progress.head = (int(body["epoch"]), int(body["seq"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Fault(f"the stream sent no heartbeat but {json.dumps(body)[:80]}") from error
        self._progress.failures = self._streamless = 0
        self._progress.enter("connected")
        self._holdings.confirm(names, self._progress.head)
        self._inquire(names)

    def _inquire(self, names: dict[str, str | None]) -> None:
        """Ask now and then why there is nothing of a name: the stream is silent about it."""
        now = uptime()
        lacking = [name for name in names if name not in self._holdings.by_name]
        known = dict.fromkeys(self._asked_for, now) | self._inquired
        self._inquired = {name: known.get(name, -inf) for name in lacking}
        for name in lacking:
            if self._inquired[name] + limits.INQUIRE_EVERY > now:
                continue
            self._inquired[name] = now
            try:
                self._refresh(name)
            except Fault as fault:  # no reason to end a stream that is well, nor to try the others now
                self._health.note(fault)
                return

    def _poll(self, why: Fault) -> None:
        """Ask for each name now and then, until it is time to try streaming again.

        That is at once when it failed for the first time: a registry that hung is no proxy that buffers.
        """
        self._progress.enter("polling", str(why))
        until = uptime() + (limits.STREAM_RETRY if self._streamless > 1 else 0.0)
        self._stop.wait(random.uniform(0, limits.BACK_OFF_BASE))  # noqa: S311 - a fleet's streams die together
        while not self.is_stopped:
            self._begin_attempt()
            # In another order each time: one name that always fails must not starve those after it.
            for name in random.sample(tuple(self._wanted), len(self._wanted)):
                if self.is_stopped:
                    return
                self._refresh(name)
                self._progress.run()
            self._progress.failures = 0
            self._save()
            if uptime() >= until:  # right after a poll: a stream that stays silent takes its time too
                return
            self._stop.wait(limits.POLL_EVERY * random.uniform(0.9, 1.1))  # noqa: S311 - spreads a fleet

    def _back_off(self, fault: Fault) -> None:
        self._progress.enter("backing off", str(fault))
        self._health.note(fault)
        if (
            self._progress.failures
        ):  # one is an everyday matter: a registry that is started again ends its streams
            self._health.lost(fault, self._holdings.in_words())
        self._save()
        longest = min(limits.BACK_OFF_CAP, limits.BACK_OFF_BASE * 2 ** min(self._progress.failures, 16))
        self._progress.failures += 1
        self._streamless = 0  # where nothing can be had, that says nothing of streams
        self._wake.clear()
        if not self.is_stopped:
            # On top of what the registry asked for: it may have asked a whole fleet at once.
            self._wake.wait((fault.retry_after or 0.0) + random.uniform(0, longest))  # noqa: S311 - spreads a fleet

    def _reopen(self) -> None:
        self._stop.wait(max(limits.GATHER, self._pause()))
        self._reopener = None
        stream = self._stream
        if stream is not None and self._lacks(self._asked):  # not one opened meanwhile, with all names
            stream.interrupt()

    def _begin_attempt(self) -> None:
        self._stop.wait(self._pause())
        self._attempted = uptime()
        self._progress.run()

    def _pause(self) -> float:
        """Seconds until another attempt may be made."""
        return max(0.0, self._attempted + limits.ATTEMPT_SPACING - uptime())

    def _is_over(self, names: dict[str, str | None]) -> bool:
        """Tell whether to end the stream: it is closed, or may be opened again for new names."""
        return self.is_stopped or (self._grown and not self._pause() and self._lacks(names))

    def _lacks(self, names: dict[str, str | None]) -> bool:
        return any(name not in names for name in tuple(self._wanted))

    def _position(self, name: str) -> str | None:
        held = self._holdings.by_name.get(name)
        if held is None or not rank(held.release.position)[0]:  # of the future: ask for whatever there is
            return None
        return f"{held.release.epoch}.{held.release.seq}"
