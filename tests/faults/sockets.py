"""Connections that hold on to a registry: it cuts them off, and who behaves notices nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from faults.scenario import Result, at_least
from support import PromptRepository, Registry, prompt, until

if TYPE_CHECKING:
    from collections.abc import Iterator

P99_SECONDS = 0.05
MEMORY_BYTES = 50 << 20
CUT_SECONDS = 15.0
BIG = 60_000  # characters of the prompt that changes under the streams: a few fill all buffers
# What, as which kind of siege, how many connections in full and in short.
SIEGES = (
    ("connections that say nothing", "silent", 2000, 50),
    ("headers of one byte a second", "slow_headers", 200, 10),
    ("bodies of one byte a second", "slow_body", 200, 10),
    ("a body of 1 GB, announced", "gigabyte", 4, 2),
    ("a body of 1 GB, in chunks", "gigabyte_in_chunks", 4, 2),
    ("1 GB of headers", "endless_headers", 4, 2),
    ("10,000 requests at once on each", "pipelined", 50, 2),
    ("streams that are never read", "unread_stream", 200, 24),
)


def prove(*, full: bool) -> Iterator[Result]:
    """Besiege a registry in one way after the other; in short, do not wait until it has cut them off."""
    _allow_connections()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        author = PromptRepository(folder / "repository")
        author.tag("summarize", "1.0.0")
        for version in ("1.0.0", "1.1.0"):
            author.tag("big", version, prompt(f"{version} {'x' * BIG}"))
        registry = Registry(author.path, folder / "data")
        stack.callback(registry.stop)
        for name in ("summarize", "big"):
            registry.api.act("promote", name, {"version": "1.0.0"})
        for what, kind, many, few in SIEGES:
            yield _besieged(registry, what, kind, many if full else few, full=full)


def _besieged(registry: Registry, what: str, kind: str, count: int, *, full: bool) -> Result:
    before = _memory(registry)
    versions = cycle(("1.1.0", "1.0.0"))
    command = [
        sys.executable,
        "-m",
        "faults.slow_clients",
        kind,
        str(count),
        str(registry.port),
        registry.api.token,
    ]
    took, grown, left = [_ask(registry)], 0, count
    asked, patience = (300, CUT_SECONDS) if full else (10, 0.2)
    calm = _p99([_ask(registry) for _ in range(asked)])
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE) as siege:
        try:
            assert siege.stdout
            opened = int(siege.stdout.readline())
            begun = time.monotonic()
            seconds = 0.0
            while len(took) < asked or (left and seconds < patience):
                took.append(_ask(registry))
                grown = max(grown, _memory(registry) - before)
                if kind == "unread_stream" and len(took) % 5 == 1:
                    registry.api.act("promote", "big", {"version": next(versions)})
                if left:
                    left, seconds = _others(registry), time.monotonic() - begun
            assert siege.poll() is None, f"{kind} ended by itself"
        finally:
            siege.kill()
    until(lambda: not _others(registry), "the end of all connections")
    p99 = _p99(took)
    told = (
        f"p99 {p99 * 1000:.0f} ms of {len(took)}, memory {grown / (1 << 20):+.0f} MB, cut in {seconds:.1f} s"
    )
    result = Result(what, opened, wrong=int(grown > MEMORY_BYTES), note=told)
    if full and calm > P99_SECONDS / 2:
        return replace(result, void=f"the machine is busy: p99 {calm * 1000:.0f} ms before the siege")
    if full:
        return at_least(replace(result, stale=int(p99 > P99_SECONDS), lost=left), count)
    return at_least(replace(result, note=told.partition(", cut")[0]), count)


def _ask(registry: Registry) -> float:
    begun = time.monotonic()
    answer = registry.api.get("/v1/environments/production/releases/summarize")
    assert answer.status == 200, answer.text
    return time.monotonic() - begun


def _p99(took: list[float]) -> float:
    return sorted(took)[len(took) * 99 // 100]


def _others(registry: Registry) -> int:
    """How many connections the registry has open, but for our own."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = f":{registry.port:04X}"
    held = [row for row in rows if row[1].endswith(local) and row[3] in {"01", "08"} and row[9] != "0"]
    return max(0, len(held) - 1)


def _memory(registry: Registry) -> int:
    pages = int(Path(f"/proc/{registry.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _allow_connections() -> None:
    """Let the registry, which inherits it, have as many as there may be."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
