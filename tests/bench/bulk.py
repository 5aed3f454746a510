"""How long OFREP's answer with all flags takes, its 304, and another caller meanwhile; beside one flag."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from bench import many
from bench.measure import Row, median
from support import Api, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (1_000, 10_000)
TIMES = 9
FLAGS = "/ofrep/v1/evaluate/flags"
BODY = {"context": {"targetingKey": "user-42"}}


def measure() -> Iterator[Row]:
    """For each size a registry of its own."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            yield from _of(Path(folder), size)


def _of(folder: Path, size: int) -> Iterator[Row]:
    commit = many.author(folder / "prompts.git", size)
    many.keep(folder / "data", commit, size, size)
    config = folder / "rules.toml"
    config.write_text("[protocols]\nofrep = true\n")
    registry = Registry(folder / "prompts.git", folder / "data", config=str(config), patience=120)
    try:
        yield from _measured(registry, size)
    finally:
        registry.stop()


def _measured(registry: Registry, size: int) -> Iterator[Row]:
    api = registry.api
    while (answer := api.call("POST", FLAGS, BODY)).status == 503:  # the first reads all from git
        pass
    assert len(answer.json["flags"]) == size
    etag = answer.headers["ETag"]
    one, _ = _times(lambda: api.call("POST", f"{FLAGS}/{many.FIRST}", BODY))
    same, spread = _times(lambda: api.call("POST", FLAGS, BODY, If_None_Match=etag))
    yield Row(f"{size:,} flags, 304", same, "ms", spread, one)
    other = Other(registry)
    whole, spread = _times(lambda: api.call("POST", FLAGS, BODY))
    note = f"{len(answer.text) / 1e6:.1f} MB; another caller waits {other.end():.0f} ms at most"
    yield Row(f"{size:,} flags", whole, "ms", spread, one, note=note)
    api.close()


class Other:
    """Another caller, with a token of its own, who asks for one flag again and again."""

    def __init__(self, registry: Registry) -> None:
        made = registry.api.call("POST", "/v1/tokens", {"name": "other", "role": "reader"}).json
        self._api = Api(registry.url, made["secret"])
        self._over = Event()
        self._longest = 0.0
        self._thread = Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            assert self._api.get(f"/v1/environments/production/resolve/{many.FIRST}?key=u1").status == 200
            self._longest = max(self._longest, time.perf_counter() - began)

    def end(self) -> float:
        """The longest that it waited, in milliseconds."""
        self._over.set()
        self._thread.join()
        self._api.close()
        return self._longest * 1000


def _times(ask: Callable[[], object]) -> tuple[float, float]:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)
