"""Calls: what taking them in costs beside streams, and how long questions take with millions of them.

``CALLS=1000000`` changes how many there are. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from bench import reporter
from bench.crowd import crowd
from bench.http import repository
from bench.load import memory, processor_seconds
from bench.many_calls import fill
from bench.measure import Row, median
from bench.reporter import BATCH
from outcomes_in import Desk, now, record
from support import Api, Registry, children

from registry.outcomes.call import DAY_MS
from registry.outcomes.store import calls, days, retention, usage
from registry.outcomes.store.opening import FOLDER, open_store
from registry.outcomes.store.rows import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.opening import Store

CALLS = int(os.environ.get("CALLS", "10_000_000"))
DAYS = 90
REPEATS = 7
STREAMS = 1000
BATCHES = 100
PACE = 2000  # records a second, as much as a token may send
MIB = 1 << 20
RELEASES = 2000
TOKENS = 16  # each of which may send 2,000 records a second
DAY = DAY_MS // 1000


def measure() -> Iterator[Row]:
    """Take calls in, then ask about many."""
    with tempfile.TemporaryDirectory() as name:
        yield from _taken_in(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield from _asked(Path(name))


# Taking in


def _taken_in(folder: Path) -> Iterator[Row]:
    alone = _alone(folder / "alone")
    yield Row("a record: store alone, of a processor", alone * 1e6, "us", note="checked, appended, folded")
    registry = Registry(repository(folder / "prompts").path, folder / "data", poll_seconds="3600")
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    tokens = [_token(registry, number) for number in range(TOKENS)]
    with crowd(registry.port, registry.api.token, STREAMS):
        yield _flat_out(registry, tokens, alone)
        yield from _paced(registry, tokens)
    registry.stop()


def _alone(folder: Path) -> float:
    """The seconds of a processor that a record takes, from JSON to its sums."""
    bodies = [json.dumps([record() for _ in range(BATCH)]) for _ in range(BATCHES)]
    desk = Desk(folder)
    desk.send(record())
    gc.collect()
    gc.freeze()  # as the registry does
    begun = time.process_time()
    for body in bodies:
        desk.send(*json.loads(body))
    desk.fold()
    used = time.process_time() - begun
    desk.close()
    return used / BATCH / BATCHES


def _flat_out(registry: Registry, tokens: list[str], alone: float) -> Row:
    """Report as fast as it goes, and count what all processes of the registry used until all was folded."""
    idle = memory(registry.process.pid)
    _used(registry)
    process = reporter.start(registry.url, BATCHES, 0, tokens)
    before = _used(registry)
    assert process.stdin
    process.stdin.write("\n")
    reporter.finish(process)
    _folded(registry, BATCH * BATCHES)
    taken = (_used(registry) - before) / BATCH / BATCHES
    size = memory(registry.process.pid)
    note = f"memory {size / MIB:.0f} MiB, {size / idle:.2f}x idle; with what 1,000 streams took meanwhile"
    work = "records a second of a core, over HTTP"
    return Row(work, 1 / taken, "/s", floor=1 / alone, target=">= 0.5x", note=note)


def _paced(registry: Registry, tokens: list[str]) -> Iterator[Row]:
    """Report 2,000 records a second, and read releases meanwhile."""
    process = reporter.start(registry.url, BATCHES, BATCH / PACE, tokens)
    quiet = _releases(registry)
    assert process.stdin
    process.stdin.write("\n")
    busy = _releases(registry)
    seconds = reporter.finish(process)
    p99 = statistics.quantiles(seconds, n=100)[98]
    note = f"p50 {statistics.median(seconds) * 1000:.1f} ms, at {PACE:,} records a second"
    yield Row(f"a batch of {BATCH}, p99", p99 * 1000, "ms", target="<= 50 ms", note=note)
    value, spread = median([1 / each for each in busy])
    floor = median([1 / each for each in quiet])[0]
    yield Row("GET release beside reports", value, "/s", spread, floor, ">= 0.8x")


def _used(registry: Registry) -> float:
    """The seconds that all processes of a registry used; the folder is started by the first report."""
    return sum(map(processor_seconds, [registry.process.pid, *children(registry.process.pid)]))


def _token(registry: Registry, number: int) -> str:
    body = {"name": f"app-{number}", "capabilities": ["app"]}
    return str(registry.api.call("POST", "/v1/tokens", body).json["secret"])


def _folded(registry: Registry, calls_sent: int) -> None:
    while True:
        rows = registry.api.get("/v1/environments/production/usage").json["data"]
        if rows and rows[0]["calls"] >= calls_sent:
            return
        time.sleep(0.05)


def _releases(registry: Registry) -> list[float]:
    """The seconds that a release takes, one after the other."""
    found = []
    with closing(Api(registry.url, registry.api.token)) as api:
        for _ in range(RELEASES):
            begun = time.perf_counter()
            api.get("/v1/environments/production/releases/summarize")
            found.append(time.perf_counter() - begun)
    return found


# Asking


def _asked(folder: Path) -> Iterator[Row]:
    store = open_store(os.environ.get("DATABASE_URL", ""), folder)
    today = now() // DAY_MS
    begun = time.monotonic()
    keys = fill(store.main, today - DAYS, DAYS, CALLS)
    seconds = time.monotonic() - begun
    size = sum(file.stat().st_size for file in (folder / FOLDER).iterdir())
    yield Row(f"{CALLS:,} calls made up", seconds, "s", note=f"{size / CALLS:.0f} bytes a call, all included")
    end = today * DAY
    for work, target, question in _questions(end, keys):
        value, spread = median([_milliseconds(store, question) for _ in range(REPEATS)])
        yield Row(work, value, "ms", spread, target=target)
    yield _dropped(store, today, keys[-1])
    store.close()


def _questions(end: int, keys: list[bytes]) -> Iterator[tuple[str, str, Callable[[Connection], object]]]:
    whole = usage.Query(
        environment="production", since=end - DAYS * DAY, until=end, by=("version",), limit=5000
    )
    day = replace(whole, since=end - DAY, period="hour")
    week = replace(whole, since=end - 7 * DAY, period="hour", by=("prompt", "version"))
    for work, target, query in (
        ("usage of 90 days by version", "<= 300 ms", whole),
        ("usage of 90 days by version and day", "<= 300 ms", replace(whole, period="day")),
        ("usage of a day by version and hour, with p95", "<= 500 ms", day),
        ("usage of a week by prompt, version and hour, with p95", "<= 500 ms", week),
        (
            "usage of 90 days by version and hour, a page",
            "<= 500 ms",
            replace(whole, period="hour", limit=500),
        ),
    ):
        yield work, target, partial(usage.read, query=query)
    names = map(identifier, cycle(keys))
    yield "one call by its id", "<= 20 ms", lambda c: calls.one(c, "production", next(names), content=False)
    worst = calls.Query(environment="production", signal=("score", "judge"), below=0.5)
    yield "the 50 worst scores", "<= 200 ms", partial(calls.find, query=worst)
    newest = calls.Query(environment="production", error="any")
    yield "the 50 newest errors", "", partial(calls.find, query=newest)
    rare = calls.Query(environment="production", where=(("prompt", "not-there"),))
    yield "calls of a prompt that has none", "", partial(calls.find, query=rare)


def _milliseconds(store: Store, question: Callable[[Any], object]) -> float:
    begun = time.perf_counter()
    store.main.read(question)
    return (time.perf_counter() - begun) * 1000


def _dropped(store: Store, today: int, key: bytes) -> Row:
    """Drop a day while somebody reads all the time."""
    waits, ended = list[float](), Event()

    def read() -> None:
        while not ended.is_set():
            waits.append(
                _milliseconds(store, lambda c: calls.one(c, "production", identifier(key), content=False))
            )

    thread = Thread(target=read)
    thread.start()
    before = len(store.main.read(days.listed))
    begun = time.monotonic()
    retention.Retention(store.main, keep=DAYS - 1, holder="bench").tend(today * DAY_MS)
    seconds = time.monotonic() - begun
    ended.set()
    thread.join()
    gone = before - len(store.main.read(days.listed))
    note = f"{gone} of {before} days; a reader waited at most {max(waits):.0f} ms (<= 100)"
    return Row("retention of one day", seconds, "s", target="<= 5 s", note=note)
