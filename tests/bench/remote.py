"""How long a promote takes until it is acknowledged: with a journal here, at a path, and at an http host.

The three take turns, so that all see the same machine. The host is git's own http server on loopback: what a
real one adds is its distance, there and back for each request of a push.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Row, median
from git_hosts import http_host
from support import PromptRepository, Registry, Valkey, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 24  # even, so that each begins where it began
VERSIONS = ("1.0.0", "1.1.0")
ENVIRONMENTS = ("one", "two", "three")  # of three at once: each has changes of its own to make
PAUSE = 0.5  # seconds between two changes: people make them, and who writes one after the other is slower
SECONDS = 6.0  # of changes through three at once
PASSWORD = "me:secret"


def measure() -> Iterator[Row]:
    """Promote back and forth in each, in turns; then through three registries at once."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        base = Path(folder)
        author = PromptRepository(base / "prompts")
        for version in VERSIONS:
            author.tag("summarize", version)
        (base / "token").write_text(PASSWORD)
        host = stack.enter_context(http_host(base / "hosted", PASSWORD))
        (base / "valkey").mkdir()
        valkey = Valkey(base / "valkey")
        stack.callback(valkey.kill)

        def start(name: str, journal: str, token: str = "") -> Registry:
            if token:
                (base / name).mkdir()
                (base / name / "admin.token").write_text(token)
            prefix = name.partition("-")[0]
            registry = Registry(
                author.path,
                base / name,
                journal=journal,
                redis_url=valkey.url,
                redis_prefix=prefix,
                git_token_file=str(base / "token"),
                environments=",".join(("production", *ENVIRONMENTS)),
            )
            stack.callback(registry.kill)
            return registry

        registries = {
            "journal in the data folder": start("local", ""),
            "shared, at a path": start("path", str(_bare(base / "hosted/path.git"))),
            "shared, at an http host": start("http", f"{host.url}/{_bare(base / 'hosted/http.git').name}"),
        }
        yield from _in_turns(registries)
        first = registries["shared, at a path"]
        others = [start(f"path-{i}", str(base / "hosted/path.git"), first.api.token) for i in range(2)]
        yield _seen(first, others[0])
        yield _at_once([first, *others])


def _bare(path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    subprocess.run(["git", f"--git-dir={path}", "config", "http.receivepack", "true"], check=True)
    return path


def _promote(registry: Registry, turn: int, environment: str = "production") -> float:
    begun = time.perf_counter()
    answer = registry.api.act("promote", "summarize", {"version": VERSIONS[turn % 2]}, environment)
    assert answer.status == 200, answer.text
    return time.perf_counter() - begun


def _in_turns(registries: dict[str, Registry]) -> Iterator[Row]:
    samples: dict[str, list[float]] = {name: [] for name in registries}
    for turn in range(ROUNDS):
        time.sleep(PAUSE)
        for name, registry in registries.items():
            samples[name].append(_promote(registry, turn) * 1000)
    floor, _ = median(samples["journal in the data folder"])
    for name, times in samples.items():
        middle, spread = median(times)
        note = f"p90 {sorted(times)[-ROUNDS // 10]:.0f} ms"
        yield Row(f"promote acknowledged, {name}", middle, "ms", spread, floor, note=note)


def _seen(asked: Registry, other: Registry) -> Row:
    """From the answer of one until another one, with a folder of its own, serves it."""
    times = []
    for turn in range(ROUNDS):
        seq = asked.api.state("summarize")["seq"]
        _promote(asked, turn)
        begun = time.perf_counter()
        until(lambda: other.api.state("summarize")["seq"] > seq, "the other one")  # noqa: B023 - called at once
        times.append((time.perf_counter() - begun) * 1000)
    middle, spread = median(times)
    return Row("acknowledged -> shown by another with its own folder", middle, "ms", spread)


def _at_once(registries: list[Registry]) -> Row:
    """Who is overtaken decides again; those who give up are counted."""
    busy, end = 0, time.monotonic() + SECONDS

    def write(registry: Registry, environment: str) -> int:
        nonlocal busy
        made = 0
        for turn in count(1):
            if time.monotonic() > end:
                break
            answer = registry.api.act("promote", "summarize", {"version": VERSIONS[turn % 2]}, environment)
            made += answer.status == 200
            busy += answer.status == 503
        return made

    with ThreadPoolExecutor() as pool:
        made = sum(pool.map(write, registries, ENVIRONMENTS))
    return Row(
        "changes through three at once, shared, at a path", made / SECONDS, "/s", note=f"{busy} gave up"
    )
