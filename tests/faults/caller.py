"""Somebody who calls `get` of one client all the time, and looks at what comes."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from registry.journal.position import is_newer
from registry.rollouts.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage import Client, Prompt

NAME = "summarize"
GETS_A_SECOND = 200  # fewer prove nothing
BREATH = 0.02  # seconds after a burst in which others may use the interpreter


class Caller:
    """Calls `get`, from a thread.

    Attributes:
        gets: how often it was called.
        errors: how often it failed.
        wrong: how often it gave what is not true, or older than what it gave before.
        reached: when it first gave what is in force at a position (monotonic), and the version.
    """

    def __init__(self, client: Client, is_true: Callable[[Prompt], bool], burst: int) -> None:
        self.client = client
        self.gets = self.errors = self.wrong = 0
        self.reached: dict[Position, tuple[float, str]] = {}
        self._position = (0, 0)
        self._is_true = is_true
        self._burst = burst
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def position(self) -> Position:
        """What the client holds now."""
        held = self.client._held.get(NAME)
        return Position(*held.release.position) if held else Position(0, 0)

    def stop(self) -> None:
        """Make an end."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(BREATH):
            for key in range(self._burst):
                self._get(key)

    def _get(self, key: int) -> None:
        self.gets += 1
        try:
            position = self.position
            prompt = self.client.get(NAME, key=key)
        except Exception:  # noqa: BLE001 - there may be none, whatever it is
            self.errors += 1
            return
        self.wrong += is_newer(self._position, position) or not self._is_true(prompt)
        self._position = position
        if position not in self.reached and position == self.position:
            self.reached[position] = (time.monotonic(), prompt.version)
