"""The thread that keeps a registry up with the others, and carries out timed advances."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from registry.errors import Unavailable

if TYPE_CHECKING:
    from registry.rollouts.board import Board
    from registry.rollouts.service import Rollouts

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # a lost hint is made good within this time
DOWN_SECONDS = 0.2  # without Redis there are no hints, and it must be whole soon after it is back


class Follower:
    """Waits for hints on the board, and looks at the journal at every one and every second."""

    def __init__(self, rollouts: Rollouts, board: Board) -> None:
        self._rollouts = rollouts
        self._board = board
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="promptstage-follower", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End within a second; the board is closed afterwards."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wait()
            try:
                self._rollouts.replica.reconcile()
                self._rollouts.advance_due()
            except Exception:  # this thread is the registry's ear: it must outlive what nobody foresaw
                logger.exception("following the journal failed; it is tried again")

    def _wait(self) -> None:
        due = self._rollouts.seconds_to_next()
        try:
            self._board.wait(LOOK_SECONDS if due is None else min(LOOK_SECONDS, due))
        except Unavailable:
            self._stopped.wait(DOWN_SECONDS if due is None else min(DOWN_SECONDS, due))
