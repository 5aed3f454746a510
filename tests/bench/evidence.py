"""Guarded rollouts: what judging many at once costs, how late a verdict is, and what a great one takes.

``ROLLOUTS=1000`` and ``UNITS=1000000`` change how many there are. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bench import many
from bench.load import memory, processor_seconds
from bench.measure import Row
from outcomes_in import now, record
from support import Api, Registry, children, until

from promptstage.evaluation import BUCKETS
from registry.errors import Unavailable
from registry.evidence.assessment import weigh
from registry.evidence.counting import EXPOSED, Watch
from registry.evidence.ledger import BITE, Counted, collect, count_due
from registry.evidence.watching import LONGEST_WAIT
from registry.outcomes.store import days, rows, waiting
from registry.outcomes.store.opening import open_store
from registry.outcomes.store.waiting import Waiting
from registry.rollouts.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.outcomes.store.database import Connection, Database

ROLLOUTS = int(os.environ.get("ROLLOUTS", "1000"))
UNITS = int(os.environ.get("UNITS", "1_000_000"))
CALLS = 2000  # a second, over all rollouts
APPS = 4  # that report, each a batch a second
BATCH = CALLS // APPS
SECONDS = 30
QUIET_SECONDS = 10
HARMED = 5  # rollouts of which it is seen how late their verdict is
WAIT_MS = round(LONGEST_WAIT * 1000)
PATH = "/v1/environments/production"
GUARD = Guard(metrics=("errors", "feedback"), tolerance={"errors": 1.0, "feedback": 1.0})
MIB = 1 << 20
CANARY, CONTROL = ("canary", "1.1.0"), ("control", "1.0.0")
SCATTER = 0x9E3779B97F4A7C15  # units are hashes: they come in any order
PATIENCE = 120.0


def measure() -> Iterator[Row]:
    """Judge many rollouts, and then one with many units."""
    with tempfile.TemporaryDirectory() as name:
        yield from _many(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield from _great(Path(name))


# Many rollouts


def _many(folder: Path) -> Iterator[Row]:
    commit = many.author(folder / "prompts", ROLLOUTS, versions=2)
    many.keep(folder / "data", commit, ROLLOUTS, ROLLOUTS)
    rollouts = many.start(folder / "data", commit, ROLLOUTS, GUARD)
    registry = Registry(folder / "prompts", folder / "data", poll_seconds="3600")
    try:
        yield from _judged(registry, rollouts)
    finally:
        registry.stop()


def _judged(registry: Registry, rollouts: Sequence[tuple[str, str, int]]) -> Iterator[Row]:
    apps = [_app(registry.api, number) for number in range(APPS)]
    _report(apps[0], [_call(*rollouts[0], number) for number in range(4)])  # it opens the store
    until(lambda: _folders(registry), "the folder", patience=PATIENCE)
    _used(registry, QUIET_SECONDS, lambda: None)  # it settles
    idle, _ = _used(registry, QUIET_SECONDS, lambda: None)
    yield Row("judging without news, of a core", 100 * idle, "%", note=f"{ROLLOUTS:,} rollouts")
    before = memory(registry.process.pid)
    reporting, late, busy = _Reporting(apps, rollouts), [], []
    for harmed in rollouts[1 : HARMED + 1]:
        busy.append(_used(registry, SECONDS / HARMED, reporting.second))
        late.append(_late(registry.api, apps[0], *harmed))
    ours, folders = (statistics.median(each) for each in zip(*busy, strict=True))
    note = (
        f"memory +{(memory(registry.process.pid) - before) / MIB:.0f} MiB; its folder {100 * folders:.0f} %"
    )
    yield Row(
        f"taking in and judging {CALLS:,} calls a second, of a core",
        100 * ours,
        "%",
        target="<= 50 %",
        note=note,
    )
    note = f"longest {max(late):.1f} s, of {HARMED}; as slow as the machine was then"
    yield Row("a verdict after its call counts", statistics.median(late), "s", target="<= 2 s", note=note)


def _app(api: Api, number: int) -> Api:
    """An app with a token of its own, which may send 2,000 records a second."""
    body = {"name": f"app-{number}", "capabilities": ["app"]}
    return Api(api.url, api.call("POST", "/v1/tokens", body).json["secret"])


class _Reporting:
    """Reports of all rollouts in turn."""

    def __init__(self, apps: Sequence[Api], rollouts: Sequence[tuple[str, str, int]]) -> None:
        self._apps = apps
        self._rollouts = rollouts
        self._number = 0

    def second(self) -> None:
        """Report the calls of a second."""
        for app in self._apps:
            self._number += BATCH
            some = range(self._number, self._number + BATCH)
            _report(app, [_call(*self._rollouts[each % ROLLOUTS], each) for each in some])


def _call(
    prompt: str, rollout: str, seq: int, number: int, age: int = WAIT_MS, **known: Any
) -> dict[str, Any]:
    """A call of a new unit that counts when it comes, or later."""
    canary = bool(number // ROLLOUTS % 2)
    half = uuid4().int >> 65
    return record(
        now() - age,
        prompt=prompt,
        rollout=rollout,
        reason="SPLIT",
        seq=seq,
        arm="canary" if canary else "control",
        version="1.1.0" if canary else "1.0.0",
        unit=f"{half if canary else (1 << 63) + half:016x}",
        **known,
    )


def _report(app: Api, calls: Sequence[Any]) -> None:
    body = gzip.compress(json.dumps({"batch": str(uuid4()), "calls": calls}).encode(), 1)
    answer = app.call("POST", f"{PATH}/calls", body, Content_Encoding="gzip")
    assert answer.json["accepted"] == len(calls), answer.text


def _used(registry: Registry, seconds: float, second: Callable[[], None]) -> tuple[float, float]:
    """The share of a core that the registry and its folder take, while something is done each second.

    Where a second of calls takes longer than one, as the machine is busy with other work, all that is used
    until they are counted is booked to that second: it is an upper bound.
    """
    folders = _folders(registry)

    def used() -> tuple[float, float]:
        return processor_seconds(registry.process.pid), sum(map(processor_seconds, folders))

    begun, before = time.monotonic(), used()
    for number in range(1, round(seconds) + 1):
        second()
        time.sleep(max(0.0, begun + number - time.monotonic()))
    until(lambda: _is_counted(registry), "the counts", patience=PATIENCE)
    mine, theirs = (after - earlier for after, earlier in zip(used(), before, strict=True))
    return mine / seconds, theirs / seconds


def _is_counted(registry: Registry) -> bool:
    """Whether no call waits to be folded or counted."""
    found = []
    for file, table in (("inbox", "inbox"), ("main", "waiting")):
        uri = f"file:{registry.data}/outcomes/{file}.sqlite?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as store:
            found.append(store.execute(f"select count(*) from {table}").fetchone()[0])
    return not any(found)


def _folders(registry: Registry) -> list[int]:
    """The process that folds what the registry takes in."""
    named = "registry.outcomes.fold_worker"
    return [
        pid for pid in children(registry.process.pid) if named in Path(f"/proc/{pid}/cmdline").read_text()
    ]


def _late(api: Api, app: Api, prompt: str, rollout: str, seq: int) -> float:
    """The seconds from when calls count that are harm until the guard's change is made."""
    counts_in = 3000  # milliseconds: they are folded until then
    bad = [_call(prompt, rollout, seq, ROLLOUTS, WAIT_MS - counts_in, error="Timeout") for _ in range(40)]
    due = now() + counts_in
    _report(app, bad)
    path = f"{PATH}/rollouts/{prompt}"
    until(lambda: api.get(path).json["rollout"] is None, "the rollback", patience=PATIENCE)
    change = api.get(f"{path}/history").json["data"][0]
    assert (change["actor"], change["op"]) == ("guard", "rollback")
    return datetime.fromisoformat(change["at"]).timestamp() - due / 1000


# A great one


def _great(folder: Path) -> Iterator[Row]:
    opened = open_store("", folder)
    database = opened.main
    rollout = Counted(
        rollout="r-4c9eac175ba7",
        environment="production",
        prompt="summarize",
        watch=Watch(
            versions={"canary": "1.1.0", "control": "1.0.0"}, steps=((1, 50),), newest=1, metrics=("errors",)
        ),
        wait=0,
    )
    seconds = _fill(database, rollout)
    yield Row(
        f"counting, of {UNITS:,} units", UNITS / seconds, "/s", note=f"{_bytes(database):.0f} bytes a unit"
    )
    opened.close()
    begun = time.perf_counter()
    with closing(open_store("", folder)) as again:
        found = again.main.read(lambda c: collect(c, {rollout.rollout: ("errors",)}))[rollout.rollout]
        weigh(Guard(tolerance={"errors": 1.0}), found.counts)
        took = time.perf_counter() - begun
    exposed = found.counts[EXPOSED][0]
    assert (exposed.canary.units + exposed.control.units, found.counts["errors"][0].canary.bad) == (
        UNITS,
        UNITS // 20,
    )
    yield Row("to know it after a restart", took, "s", target="<= 2 s", note="the counts are exact")


def _bytes(database: Database) -> float:
    """The bytes that a unit takes, with its index."""
    of = "select sum(pgsize) from dbstat where name in ('units', 'units_open')"
    try:
        return float(database.read(lambda c: c.fetch(of))[0][0]) / UNITS
    except Unavailable:  # this SQLite was built without that table
        return math.nan


def _fill(database: Database, rollout: Counted) -> float:
    """Count so many units, each with one call; the seconds that the counting took."""
    seconds = 0.0
    for first in range(0, UNITS, BITE):
        numbers = range(first, min(first + BITE, UNITS))
        database.write(partial(_wait, rollout=rollout.rollout, numbers=numbers))
        begun = time.perf_counter()
        database.write(lambda c: count_due(c, {rollout.rollout: rollout}, now()))
        seconds += time.perf_counter() - begun
    return seconds


def _wait(connection: Connection, rollout: str, numbers: Sequence[int]) -> None:
    """Let a call of each of some units wait to be counted; one in ten of the canary's fails."""
    at = now()
    calls = [_row(at, number) for number in numbers]
    day = rows.day_of(calls[0].call)
    if day not in days.listed(connection):
        days.create(connection, day)
    connection.insert(days.calls(day), rows.Row._fields, calls)
    waits = [
        Waiting(rollout, at, row.call, *(CONTROL if number % 2 else CANARY), 1, "t", waiting.NEW)
        for number, row in zip(numbers, calls, strict=True)
    ]
    connection.insert("waiting", Waiting._fields, waits)


def _row(at: int, number: int) -> rows.Row:
    known = {"bucket": BUCKETS - 1 if number % 2 else 0, "unit": number * SCATTER % (1 << 63)}
    error = "Timeout" if number % 20 == 0 else None
    plain = dict.fromkeys(rows.Row._fields)
    key = at.to_bytes(6, "big") + b"\x70\x00" + (1 << 63 | number).to_bytes(8, "big")
    fixed = {"call": key, "at": at, "booked": at, "arrived": at, "series": 1, "state": rows.ENDED}
    return rows.Row(**{**plain, **fixed, **known, "error": error})  # type: ignore[arg-type]
