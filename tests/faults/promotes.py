"""A registry in which something new is in force all the time, behind a proxy."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING

from faults.proxy import Proxy
from faults.witness import COLD, HOT, Truth
from support import PromptRepository, Registry, prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS = tuple(f"1.{minor}.0" for minor in range(3))
EVERY = 0.1  # seconds between two promotes; a promote takes the registry some 20 ms


class Promotes:
    """The registry, the proxy in front of it, and the thread that promotes.

    Attributes:
        acknowledged: when each promote was acknowledged (monotonic), and its seq.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        author = PromptRepository(folder / "prompts")
        digests = {}
        for name, versions in ((HOT, VERSIONS), (COLD, VERSIONS[:1])):
            for version in versions:
                content = prompt(f"{name} {version}: {{{{text}}}}")
                digests[f"{name}@{version}"] = f"sha256:{sha256(content.encode()).hexdigest()}"
                author.tag(name, version, content)
        (folder / "digests.json").write_text(json.dumps(digests))
        self._newest = os.open(folder / "newest", os.O_WRONLY | os.O_CREAT)
        stack.callback(os.close, self._newest)
        self._registry = Registry(author.path, folder / "data")
        stack.callback(self._registry.stop)
        self.token = self._registry.api.token
        self.proxy = stack.enter_context(Proxy(self._registry.port))
        self.acknowledged: list[tuple[float, int]] = []
        self._versions = cycle(VERSIONS)
        self._promote(COLD, VERSIONS[0])
        self._promote(HOT, next(self._versions))
        self.truth = Truth(folder)
        self._over = Event()
        self._thread = Thread(target=self._run)
        self._thread.start()
        stack.callback(self._stop)

    def newest_before(self, moment: float) -> int:
        """The seq of the newest promote that was acknowledged before a moment."""
        return max((seq for at, seq in tuple(self.acknowledged) if at <= moment), default=0)

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._promote(HOT, next(self._versions))

    def _stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _promote(self, name: str, version: str) -> None:
        answer = self._registry.api.act("promote", name, {"version": version})
        assert answer.status == 200, answer.text
        self.acknowledged.append((time.monotonic(), answer.json["seq"]))
        os.pwrite(self._newest, answer.json["seq"].to_bytes(8, "little"), 0)


@contextmanager
def promotes() -> Iterator[Promotes]:
    """Promote as long as this lasts."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        yield Promotes(Path(folder), stack)
