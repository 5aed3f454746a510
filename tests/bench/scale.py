"""Great numbers: clients that follow, states in force, and calls of `get`, as far as this machine goes.

The clients share the processors with the registry that they follow, so what each side used of them is said
besides. What grows with the states is measured at two sizes, and told for a greater one by its slope.
Nothing here fails on a slow machine.
"""

from __future__ import annotations

import math
import re
import resource
import statistics
import tempfile
import time
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from bench.client import gets, served
from bench.crowd import crowd
from bench.http import repository
from bench.load import memory, processor_seconds
from bench.many import FIRST, author, keep, names, tag
from bench.measure import Row, median
from support import STATES, Registry, Valkey, children, until

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.journal.directory import REPOSITORY
from registry.journal.maintenance.pack import room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.crowd import Crowd

CLIENTS = (5_000, 20_000, 50_000)
WORKERS, CROWDS = 4, 4  # a process may have 20,000 files here
CHANGES = 12  # that clients are told of
PROMPTS = 10_000
ENVIRONMENTS = (1, 10)
STATES_TOLD = 1_000_000  # of which the slope tells
PROMOTES = 100
ASKED = 500  # releases in one request
IDLE_SECONDS = 5.0  # one heartbeat of each stream
PAUSE = 0.5  # seconds between two changes
PATIENCE = 300.0
CALLS = 1_000_000  # of `get`, in a second
MIB = 1 << 20


def measure() -> Iterator[Row]:
    """Clients, then states, then calls."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    yield from _clients()
    yield from _states()
    yield from _calls()


# Clients


def _clients() -> Iterator[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = Registry(
            repository(folder / "prompts").path, folder / "data", workers=WORKERS, poll_seconds="3600"
        )
        stack.callback(registry.stop)
        for name in ("summarize", "other"):
            registry.api.act("promote", name, {"version": "1.0.0"})
        with crowd(registry.port, registry.api.token, CLIENTS[0] // 10, processes=CROWDS):
            pass  # a process that never had a stream grows at the first ones
        before = _memory(_workers(registry))  # of all: what one crowd leaves, the next one uses again
        for count in CLIENTS:
            until(lambda: _connected(registry) == 0, "the clients before to be gone", patience=PATIENCE)
            try:
                yield from _followed(registry, count, before)
            except ConnectionError as error:
                yield Row(f"{count} clients", math.nan, "", note=str(error))


def _followed(registry: Registry, count: int, before: int) -> Iterator[Row]:
    pids = _workers(registry)
    used, begun = _used(pids), time.monotonic()
    with crowd(registry.port, registry.api.token, count, processes=CROWDS) as clients:
        seconds = time.monotonic() - begun
        shares = (
            f"processors: registry {_used(pids) - used:.1f} s, clients {clients.processor_seconds():.1f} s"
        )
        yield Row(f"{count} clients connect", seconds, "s", note=f"{count / seconds:.0f} a second; {shares}")
        until(lambda: _connected(registry) == count, "the clients to be counted", patience=PATIENCE)
        size, files = _memory(pids) - before, [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids]
        note = (
            f"{(before + size) / MIB:.0f} MiB in {len(pids)} workers, with {min(files)} to {max(files)} files"
        )
        yield Row(f"a stream, of {count}", size / count / 1024, "KiB", note=note)
        busy, theirs = _busy(lambda: _used(pids)), _busy(clients.processor_seconds)
        yield Row(f"{count} idle streams", busy, "% a core", note=f"their clients {theirs:.1f} %")
        yield _told(registry, clients, count)


def _told(registry: Registry, clients: Crowd, count: int) -> Row:
    """When each client has a change that was acknowledged."""
    pids, versions = _workers(registry), cycle(("1.1.0", "1.0.0"))
    told: list[list[float]] = []
    used, theirs = [], []
    for _ in range(CHANGES):
        time.sleep(PAUSE)
        spent, by_clients = _used(pids), clients.processor_seconds()
        made = registry.api.act("promote", "summarize", {"version": next(versions)})
        acknowledged = time.monotonic()
        assert made.status == 200, made.text
        told.append([(at - acknowledged) * 1000 for at in clients.arrivals(made.json["seq"])])
        used.append((_used(pids) - spent) * 1000)
        theirs.append((clients.processor_seconds() - by_clients) * 1000)
    first, middle, tail, last = (
        statistics.median(delays[int((count - 1) * share)] for delays in told) for share in (0, 0.5, 0.99, 1)
    )
    note = f"first {first:.1f}, p99 {tail:.0f}, last {last:.0f} ms; processors: registry "
    note += f"{statistics.median(used):.0f} ms, clients {statistics.median(theirs):.0f} ms"
    spread = median([statistics.median(delays) for delays in told])[1]
    return Row(f"acknowledged -> at {count} clients", middle, "ms", spread, note=note)


def _connected(registry: Registry) -> int:
    """How many streams all workers have."""
    found = registry.api.get("/v1/environments/production/clients?names=summarize").json
    return int(found["connected"]) if found["complete"] else -1


def _workers(registry: Registry) -> list[int]:
    """The processes that answer: the one that was started, or its workers."""
    pid = registry.process.pid
    started = [each for each in children(pid) if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]
    return started or [pid]


def _memory(pids: list[int]) -> int:
    return sum(memory(pid) for pid in pids)


def _used(pids: list[int]) -> float:
    return sum(processor_seconds(pid) for pid in pids)


def _busy(used: Callable[[], float]) -> float:
    """Percent of a core that something needs while nothing happens."""
    before = used()
    time.sleep(IDLE_SECONDS)
    return (used() - before) / IDLE_SECONDS * 100


# States

UNITS = {
    "first start to ready": "s",
    "restart to ready": "s",
    "restart -> an empty Redis has all": "s",
    "a worker's memory": "MiB",
    "Valkey's memory": "MiB",
    "journal on the disk": "MiB",
    "idle registry": "% a core",
    "promote acknowledged, p50": "ms",
    "promote acknowledged, p99": "ms",
    "a promote, of a processor": "ms",
    "a promote, on the disk": "KiB",
    "an environment's states listed": "ms",
    "a release in use": "KiB",
    "a look that finds nothing": "s",
    "a look that finds one tag": "s",
}
BY_SLOPE = tuple(UNITS)[:6]


def _states() -> Iterator[Row]:
    found: list[dict[str, float]] = []
    sizes = [PROMPTS * count for count in ENVIRONMENTS]
    for count in ENVIRONMENTS:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            found.append(_lived(Path(folder), _environments(count), stack))
    for what, unit in UNITS.items():
        for states, values in zip(sizes, found, strict=True):
            yield Row(f"{what}, {states} states", values[what], unit)
        if what in BY_SLOPE:
            slope = (found[-1][what] - found[0][what]) / (sizes[-1] - sizes[0])
            value = found[-1][what] + slope * (STATES_TOLD - sizes[-1])
            yield Row(f"{what}, {STATES_TOLD} states", value, unit, note="by the slope, not measured")


def _environments(count: int) -> list[str]:
    return ["production", *(f"e-{number}" for number in range(1, count))]


def _lived(folder: Path, environments: list[str], stack: ExitStack) -> dict[str, float]:
    """The life of a registry that has so many environments."""
    prompts, data = folder / "prompts", folder / "data"
    states = PROMPTS * len(environments)
    keep(data, author(prompts, PROMPTS, 2), PROMPTS, states, environments)
    (folder / "valkey").mkdir()
    valkey = Valkey(folder / "valkey")
    stack.callback(valkey.kill)
    empty = _in_valkey(valkey)
    found = {"journal on the disk": _on_disk(data)}
    for what in ("first start to ready", "restart to ready"):
        valkey.client().flushall()
        begun = time.monotonic()
        registry = Registry(
            prompts, data, patience=PATIENCE, redis_url=valkey.url, environments=",".join(environments),
            poll_seconds="3600",
        )  # fmt: skip
        stack.callback(registry.stop)
        found[what] = time.monotonic() - begun
        until(lambda: _in_redis(valkey) == states, "all states in Redis", patience=PATIENCE)
        found["restart -> an empty Redis has all"] = time.monotonic() - begun
        if what.startswith("first"):
            registry.stop()
    until(lambda: _is_validated(registry), "all versions to be validated", patience=PATIENCE)
    pids = _workers(registry)
    found["a worker's memory"] = _memory(pids) / MIB
    found["Valkey's memory"] = (_in_valkey(valkey) - empty) / MIB
    found["idle registry"] = _busy(lambda: _used(pids))
    found |= _promoted(registry, data)
    begun = time.monotonic()
    assert len(registry.api.get("/v1/environments/production/rollouts").json["data"]) == PROMPTS
    found["an environment's states listed"] = (time.monotonic() - begun) * 1000
    before = _memory(pids)
    for start in range(0, PROMPTS, ASKED):
        some = ",".join(names(PROMPTS)[start : start + ASKED])
        registry.api.get(f"/v1/environments/production/releases?names={some}")
    found["a release in use"] = (_memory(pids) - before) / PROMPTS / 1024
    registry.stop()
    return found | _looked(data, prompts)


def _promoted(registry: Registry, data: Path) -> dict[str, float]:
    took, versions, pids = [], cycle(("1.1.0", "1.0.0")), _workers(registry)
    for version in ("1.1.0", "1.0.0"):  # what is staged for the first time has more objects
        registry.api.act("promote", FIRST, {"version": version})
    before, used = _on_disk(data), _used(pids)
    for _ in range(PROMOTES):
        begun = time.perf_counter()
        made = registry.api.act("promote", FIRST, {"version": next(versions)}, Idempotency_Key=token_hex())
        took.append((time.perf_counter() - begun) * 1000)
        assert (made.status, made.json["applied"]) == (200, True), made.text
    return {
        "promote acknowledged, p50": statistics.median(took),
        "promote acknowledged, p99": statistics.quantiles(took, n=100)[98],
        "a promote, of a processor": (_used(pids) - used) / PROMOTES * 1000,
        "a promote, on the disk": (_on_disk(data) - before) * 1024 / PROMOTES,
    }


def _looked(data: Path, prompts: Path) -> dict[str, float]:
    """What the registry's own looks take, in this process."""
    mirror = Mirror(data, str(prompts))
    catalog = Catalog(mirror)
    catalog.adopt()
    mirror.sync()
    found = {}
    for what in ("a look that finds nothing", "a look that finds one tag"):
        begun = time.monotonic()
        mirror.sync(catalog.adopt)
        found[what] = time.monotonic() - begun
        tag(prompts, f"2.{len(found)}.0")
    mirror.close()
    return found


def _on_disk(data: Path) -> float:
    """MiB that the files of the journal take."""
    return room(data / REPOSITORY) / MIB


def _in_valkey(valkey: Valkey) -> int:
    with valkey.client() as client:
        return int(client.info("memory")["used_memory"])


def _in_redis(valkey: Valkey) -> int:
    """The number of the newest change that Redis has whole."""
    with valkey.client() as client:
        return int(str(client.hget(STATES, "head") or "0.0").partition(".")[2])


def _is_validated(registry: Registry) -> bool:
    unread = re.search(r'promptstage_versions{status="unread"} (\S+)', registry.api.get("/metrics").text)
    return unread is None or float(unread[1]) == 0


# Calls


def _calls() -> Iterator[Row]:
    with served() as (client, registry):
        before = len(registry.requests)
        rows = list(gets(client))
        reached = len(registry.requests) - before
    for row in rows:
        if row.work.startswith("get"):
            cores = row.value * CALLS / 1e6
            note = f"{row.value:.2f} us each; of all calls {reached} reached the registry"
            yield Row(f"{CALLS} a second of {row.work}", cores, "cores", row.spread, note=note)
