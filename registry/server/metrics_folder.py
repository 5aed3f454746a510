"""The folder in which the workers of one service count together, so that each can report the sums."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.system.locks import locked

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ROOMS = ".metrics"  # in the data folder: cleaning a temporary folder would lose counts
LOCK = "lock"
WAIT_SECONDS = 5.0  # for another service to start or clean up, which takes milliseconds


@contextmanager
def together(data: Path, workers: int) -> Iterator[None]:
    """Give the workers that are started now their own folder, while this is open.

    prometheus_client reads its name from the environment when it is imported; without it, it counts in
    memory, as suits a single worker. The folders of killed services are removed.
    """
    os.environ.pop(VARIABLE, None)
    if workers == 1:
        yield
        return
    rooms = data / ROOMS
    rooms.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as lifetime:
        with locked(rooms / LOCK, wait=WAIT_SECONDS):
            _tidy(rooms)
            room = Path(lifetime.enter_context(TemporaryDirectory(dir=rooms, ignore_cleanup_errors=True)))
            lifetime.enter_context(locked(room / LOCK, wait=0))
        os.environ[VARIABLE] = str(room)
        yield


def _tidy(rooms: Path) -> None:
    for room in rooms.iterdir():
        if room.is_dir():
            with suppress(Unavailable), locked(room / LOCK, wait=0):
                shutil.rmtree(room, ignore_errors=True)
