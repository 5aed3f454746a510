"""What open streams cost, and when a change is where; beside a bare app that does nothing but send.

Nothing here fails on a slow machine.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING

from bench.crowd import crowd
from bench.http import prepare, repository
from bench.load import Bare, Load, memory, processor_seconds
from bench.measure import Row, median, quotient
from support import Api, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Ask

COUNTS = (5000,)  # idle streams
WARM = 300
IDLE_SECONDS = 10.0  # two heartbeats of each
READY_SECONDS = 120.0  # until both have all their streams
CHANGES = 12
PAUSE = 0.1  # between changes
TURNS, TURN_SECONDS = 3, 1.0  # each with one change in it
REQUESTS = 500
OPEN = 1000  # streams beside which others are answered


def measure() -> Iterator[Row]:
    """Open streams on the registry, and on the bare app."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # It does not look at the repository meanwhile, which costs more than all streams.
        registry = Registry(repository(folder / "prompts").path, folder / "data", poll_seconds="3600")
        stack.callback(registry.stop)
        asks = prepare(registry)
        yield from _beside(registry, asks)
        yield from _served(registry)
        bare = Bare(folder, {}, stack)
        everybody = Barrier(2, timeout=READY_SECONDS)
        # Both at once: each works a moment in five seconds, and so both see the same machine.
        with ThreadPoolExecutor() as pool:
            theirs = pool.submit(_cost, bare.process.pid, bare.port, "", everybody)
            ours = _cost(registry.process.pid, registry.port, registry.api.token, everybody)
            floor = theirs.result()
        for (count, size, busy), (_, least, idle) in zip(ours, floor, strict=True):
            yield Row(f"an idle stream, of {count}", size, "KiB", floor=least, target="<= 12 KiB")
            yield Row(f"{count} idle streams", busy, "% a core", floor=idle, target="<= 1 %")


def _cost(pid: int, port: int, token: str, everybody: Barrier) -> list[tuple[int, float, float]]:
    """By number of streams: KiB of each, and percent of a core that all need; measured when all are ready."""
    with crowd(port, token, WARM):
        pass
    time.sleep(1)
    found = []
    for count in COUNTS:
        everybody.wait()
        before, idle = memory(pid), _load(pid)
        with crowd(port, token, count) as clients:
            everybody.wait()
            time.sleep(1)
            size = (memory(pid) - before) / count / 1024
            with clients.asleep():
                found.append((count, size, max(0.0, _load(pid) - idle)))
            everybody.wait()
        time.sleep(1)
    return found


def _load(pid: int) -> float:
    used = processor_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (processor_seconds(pid) - used) / IDLE_SECONDS * 100


def _beside(registry: Registry, asks: dict[str, Ask]) -> Iterator[Row]:
    """What is answered while a thousand streams are open and a change is made each second, and without."""
    alone, beside = ({what: list[float]() for what in asks} for _ in range(2))
    for _ in range(TURNS):
        _ask(registry, asks, alone)
        with crowd(registry.port, registry.api.token, OPEN), _changing(registry):
            _ask(registry, asks, beside)
    for what, rates in beside.items():
        middle, spread = median(rates)
        least = median(alone[what])[0]
        times = quotient(rates, alone[what])
        work = f"{what}, beside {OPEN} streams"
        yield Row(work, middle, "/s a core", spread, least, ">= 0.7 x", quotient=times)


def _ask(registry: Registry, asks: dict[str, Ask], rates: dict[str, list[float]]) -> None:
    for what, ask in asks.items():
        with closing(Load(registry.port, ask)) as load:
            rates[what].append(_rate(load, registry.process.pid))


def _rate(load: Load, pid: int) -> float:
    """Answers a second of one core, of which the streams and the changes take their part."""
    used, count = processor_seconds(pid), 0
    until = time.perf_counter() + TURN_SECONDS
    while time.perf_counter() < until:
        count += load.run(REQUESTS)
    return count / (processor_seconds(pid) - used)


@contextmanager
def _changing(registry: Registry) -> Iterator[None]:
    """Make a change each second meanwhile; it is another prompt's release that is asked for."""
    over = Event()

    def change() -> None:
        with closing(Api(registry.url, registry.api.token)) as api:
            for version in cycle(("1.0.0", "1.1.0")):
                assert api.act("promote", "other", {"version": version}).status == 200
                if over.wait(1):
                    return

    thread = Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _served(registry: Registry) -> Iterator[Row]:
    """When a change is at one, a hundred and a thousand clients."""
    registry.api.act("rollback", "summarize")
    versions = cycle(("1.1.0", "1.0.0"))
    for count, target in ((1, "p50 <= 5 ms"), (100, ""), (1000, "p99 <= 60 ms")):
        lasts, all_delays = [], []
        with crowd(registry.port, registry.api.token, count) as clients:
            for _ in range(CHANGES):
                made = registry.api.act("promote", "summarize", {"version": next(versions)})
                acknowledged = time.monotonic()
                assert made.status == 200, made.text
                delays = [at - acknowledged for at in clients.arrivals(made.json["seq"])]
                all_delays += delays
                lasts.append(delays[-1] * 1000)
                time.sleep(PAUSE)
        cuts = statistics.quantiles((delay * 1000 for delay in all_delays), n=100)
        middle, _ = median([delay * 1000 for delay in all_delays])
        note = f"p99 {cuts[98]:.1f} ms; at the last of them {median(lasts)[0]:.1f} ms"
        yield Row(f"acknowledged -> at {count} clients", middle, "ms", 0.0, target=target, note=note)
