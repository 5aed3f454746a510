"""How long after an acknowledged promote a client serves it: real registry, real client, loopback.

Run as ``make bench``. Nothing here fails on a slow machine; it prints what it measured.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import PromptRepository, Registry

from promptstage import Client

ROUNDS = 50
LOOK_SECONDS = 0.0002


def main() -> None:
    """Promote back and forth, and watch a client of the same registry, then one of another."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        repository = PromptRepository(base / "repository")
        for version in ("1.0.0", "1.1.0"):
            repository.tag("summarize", version)
        registries = [Registry(repository.path, base / "data") for _ in range(2)]
        registries[0].api.act("promote", "summarize", {"version": "1.1.0"})
        try:
            measure("the same registry", registries[0], registries[0], base / "one")
            measure("another registry of the folder", registries[0], registries[1], base / "other")
        finally:
            for registry in registries:
                registry.stop()


def measure(where: str, asked: Registry, followed: Registry, snapshots: Path) -> None:
    """Print the distribution of both times, in milliseconds."""
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
    print(f"client of {where}")
    show("  asked to acknowledged", promotes)
    show("  acknowledged to served", delays)


def show(what: str, times: list[float]) -> None:
    """Print one line: median, 99th percentile, maximum."""
    cuts = statistics.quantiles(times, n=100)
    print(f"{what:<40} p50 {cuts[49]:7.2f} ms   p99 {cuts[98]:7.2f} ms   max {max(times):7.2f} ms")


if __name__ == "__main__":
    main()
