"""What the client costs an application: importing it, and one `get`.

Run as ``make bench``. Nothing here fails on a slow machine; it prints what it measured.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import PromptRepository, Registry

from promptstage import Client

CALLS = 200_000
REPEATS = 5
STARTS = 15


def main() -> None:
    """Print the cost of importing in milliseconds, and of `get` in microseconds."""
    empty = start("pass")
    for program in ("import promptstage", "from promptstage import Client, context"):
        print(f"{program:<40} {start(program) - empty:7.1f} ms more than an empty interpreter")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        repository = PromptRepository(base / "repository")
        for version in ("1.0.0", "1.1.0"):
            repository.tag("steady", version)
            repository.tag("rolling", version)
        registry = Registry(repository.path, base / "data")
        try:
            measure(registry, base / "snapshots")
        finally:
            registry.stop()


def start(program: str) -> float:
    """The median time of a fresh interpreter with a program, in milliseconds."""
    times = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def measure(registry: Registry, snapshots: Path) -> None:
    """Print the best of some runs of `get`, for noise only adds."""
    for name in ("steady", "rolling"):
        registry.api.act("promote", name, {"version": "1.0.0"})
    registry.api.act("start", "rolling", {"version": "1.1.0", "steps": [{"percent": 10}]})
    with Client(
        registry.url, token=registry.api.token, prompts=["steady", "rolling"], snapshot_dir=snapshots
    ) as client:
        assert client.ready(10), client.status()
        for what, name in (("no rollout", "steady"), ("10 % canary", "rolling")):
            times = timeit.repeat(lambda: client.get(name, key="user-42"), number=CALLS, repeat=REPEATS)  # noqa: B023
            print(f"get, stamped, {what:<26} {min(times) / CALLS * 1e6:7.2f} us")


if __name__ == "__main__":
    main()
