"""How long after an acknowledged promote a client serves it: real registry, real client, loopback.

Nothing here fails on a slow machine.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Row, median
from support import PromptRepository, Registry

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 50
LOOK_SECONDS = 0.0002


def measure() -> Iterator[Row]:
    """Promote back and forth, and watch a client of the same registry, then one of another."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        repository = PromptRepository(base / "repository")
        for version in ("1.0.0", "1.1.0"):
            repository.tag("summarize", version)
        registries = [Registry(repository.path, base / "data") for _ in range(2)]
        registries[0].api.act("promote", "summarize", {"version": "1.1.0"})
        try:
            yield from _watch("same registry", registries[0], registries[0], base / "one")
            yield from _watch("another of the folder", registries[0], registries[1], base / "other")
        finally:
            for registry in registries:
                registry.stop()


def _watch(where: str, asked: Registry, followed: Registry, snapshots: Path) -> Iterator[Row]:
    promotes, delays = [], []
    with Client(followed.url, token=asked.api.token, prompts=["summarize"], snapshot_dir=snapshots) as client:
        assert client.ready(10), client.status()
        for i in range(ROUNDS):
            version = f"1.{i % 2}.0"
            begun = time.perf_counter()
            assert asked.api.act("promote", "summarize", {"version": version}).status == 200
            acknowledged = time.perf_counter()
            while client.get("summarize", key="u").version != version:
                time.sleep(LOOK_SECONDS)
            promotes.append((acknowledged - begun) * 1000)
            delays.append((time.perf_counter() - acknowledged) * 1000)
    yield _row(f"asked -> acknowledged, {where}", promotes, "p99 <= 50 ms")
    yield _row(f"acknowledged -> served, {where}", delays, "p50 <= 5 ms")


def _row(work: str, times: list[float], target: str) -> Row:
    cuts = statistics.quantiles(times, n=100)
    middle, spread = median(times)
    return Row(work, middle, "ms", spread, target=target, note=f"p99 {cuts[98]:.1f}, max {max(times):.1f} ms")
