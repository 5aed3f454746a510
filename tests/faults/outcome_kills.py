"""A registry, a part of it, or PostgreSQL killed or failed over under reports: what was taken counts once.

Apps repeat a batch until it is answered, some batches once more after that. At the end every call is there
once, and usage is exactly what the records add up to. Each call has a span, too, which says one thing more of
it, and counts as nothing more.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import postgres_server
import urllib3
from faults.scenario import Result, at_least
from outcomes_in import now, record
from postgres_pair import Pair
from support import Api, PromptRepository, Registry, children, until

from registry.outcomes.store.fold import Folder
from registry.outcomes.store.fold_spans import SETTLE_MS
from registry.outcomes.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20261130
FAILED_OVER = "PostgreSQL fails over"
KILLS = {"SQLite": 200, "PostgreSQL": 20, FAILED_OVER: 5}
IN_SHORT = {"SQLite": 2, "PostgreSQL": 1, FAILED_OVER: 1}
APPS = 2
WORKERS = 2
BATCH = 20
CACHED = 7  # tokens, which only spans tell of
BUSY_SECONDS = (0.1, 0.6)  # of load between two kills
AGAIN_SECONDS = 0.02
LAST_SECONDS = 30.0  # for the last batch, and until all is folded
PLACE = "/v1/environments/production"
KINDS = ("the folder", "a worker", "the parent", "all of it")
FOLDER, WORKER = b"fold_worker", b"spawn_main"


@dataclass
class App:
    """Reports calls without end: each batch is repeated until it is answered.

    Attributes:
        calls: those that were acknowledged, by id, as they ended.
        refused: how often a record was refused, which none must be.
        odd: answers that say neither that it was taken nor when to come again.
    """

    url: str
    token: str
    chance: random.Random
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    liked: set[str] = field(default_factory=set)
    refused: int = 0
    odd: int = 0

    def run(self, ended: Event) -> None:
        """Go on until it is over; the last batch is finished."""
        while not ended.is_set():
            sent = [record(input_tokens=self.chance.randrange(1000)) for _ in range(BATCH)]
            starts = [{"id": call["id"], "at": call["at"], "started": True} for call in sent]
            said = [{"call": call["id"], "kind": "up"} for call in sent[:3]]
            steps = [
                (f"{PLACE}/calls", self._batch(starts)),
                (f"{PLACE}/calls", self._batch(sent)),
                (f"{PLACE}/feedback", said),
                ("/v1/traces", _spans(sent)),
            ]
            self.chance.shuffle(steps)
            done = all(self._report(path, body, ended) for path, body in steps)
            if not done:
                return
            self.calls |= {call["id"]: call for call in sent}
            self.liked |= {each["call"] for each in said}

    def _batch(self, calls: list[dict[str, Any]]) -> dict[str, Any]:
        return {"batch": str(uuid4()), "calls": calls}

    def _report(self, path: str, body: object, ended: Event) -> bool:
        """Send it until it is answered, and now and then once more; return whether it was."""
        deadline = time.monotonic() + LAST_SECONDS
        while not self._ask(path, body):
            time.sleep(AGAIN_SECONDS)
            if ended.is_set() and time.monotonic() > deadline:
                return False
        if self.chance.random() < 0.2:
            self._ask(path, body)
        return True

    def _ask(self, path: str, body: object) -> bool:
        with closing(Api(self.url, self.token)) as api, suppress(urllib3.exceptions.HTTPError):
            answer = api.call("POST", path, body)
            if answer.status == 200:
                self.refused += len(answer.json.get("refused", answer.json.get("partialSuccess", ())))
                return True
            self.odd += answer.status != 503 or "Retry-After" not in answer.headers
        return False


def _spans(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an export of a span of each call, in a trace of its own, with its tokens from a cache."""
    spans = []
    for call in calls:
        said = {"gen_ai.operation.name": "chat", "promptstage.call": call["id"]}
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]
        attributes.append({"key": "gen_ai.usage.cache_read.input_tokens", "value": {"intValue": CACHED}})
        spans.append(
            {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "attributes": attributes}
        )
    resource = [{"key": "deployment.environment.name", "value": {"stringValue": "production"}}]
    return {
        "resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": spans}]}],
    }


def prove(*, full: bool) -> Iterator[Result]:
    """Kill again and again, and count at the end, in both engines."""
    kills = KILLS if full else IN_SHORT
    chance = random.Random(SEED)
    yield at_least(_prove("SQLite", kills["SQLite"], _kill_registry(chance), ""), kills["SQLite"])
    if not postgres_server.is_there():
        yield Result("PostgreSQL killed under reports", 0, void="there is no PostgreSQL")
        return
    server = postgres_server.Postgres()
    try:
        kill = _kill_server(server)
        result = _prove("PostgreSQL", kills["PostgreSQL"], kill, server.new_database())
    finally:
        server.close()
    yield at_least(result, kills["PostgreSQL"])
    pair = Pair()
    try:
        result = _prove(FAILED_OVER, kills[FAILED_OVER], _fail_over(pair), pair.new_database())
    finally:
        pair.close()
    yield at_least(result, kills[FAILED_OVER])


def _prove(engine: str, kills: int, kill: Callable[[Registry, int], Registry], url: str) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        author = PromptRepository(Path(folder) / "prompts")
        author.tag("summarize", "1.2.0")
        service = Registry(author.path, Path(folder) / "data", workers=WORKERS, database_url=url)
        apps = [App(service.url, service.api.token, random.Random(number)) for number in range(APPS)]
        ended = Event()
        threads = [Thread(target=app.run, args=(ended,)) for app in apps]
        for thread in threads:
            thread.start()
        try:
            chance = random.Random(SEED)
            for number in range(kills):
                time.sleep(chance.uniform(*BUSY_SECONDS))
                service = kill(service, number)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        try:
            return _count(service, apps, engine, kills, url)
        finally:
            service.stop()


def _kill_registry(chance: random.Random) -> Callable[[Registry, int], Registry]:
    """Return what kills a part of a registry, or all of it, and starts it again if nobody else does."""

    def kill(service: Registry, number: int) -> Registry:
        kind = KINDS[number % len(KINDS)]
        below = children(service.process.pid)
        folders, workers = _of(below, FOLDER), _of(below, WORKER)
        if kind in {"the folder", "a worker"}:
            _end([chance.choice(part)] if (part := folders if kind == "the folder" else workers) else [])
            return service
        service.process.kill()
        service.process.wait()
        if kind == "all of it":
            _end([*workers, *folders])
        until(lambda: not _of([*workers, *folders], FOLDER) + _of(workers, WORKER), "the rest to end")
        service.api.close()
        source = Path(service.data).with_name("prompts")
        return Registry(source, service.data, port=service.port, workers=WORKERS)

    return kill


def _kill_server(server: postgres_server.Postgres) -> Callable[[Registry, int], Registry]:
    def kill(service: Registry, _: int) -> Registry:
        server.kill()
        server.start()
        return service

    return kill


def _fail_over(pair: Pair) -> Callable[[Registry, int], Registry]:
    def kill(service: Registry, _: int) -> Registry:
        pair.fail_over()
        return service

    return kill


def _end(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _of(processes: list[int], what: bytes) -> list[int]:
    """Which of the processes still run, and are of this kind."""
    return [process for process in processes if what in _command(process)]


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _settle(service: Registry, url: str) -> None:
    """Settle what waits of traces, as the registry does a minute later."""
    with closing(open_store(url, service.data)) as store:
        folder = Folder(store.inbox, store.main, lambda _: None, keep=30, holder="later")
        while folder.fold(now()) + folder.settle(now() + SETTLE_MS):
            pass


def _count(service: Registry, apps: list[App], engine: str, kills: int, url: str) -> Result:
    sent = {key: call for app in apps for key, call in app.calls.items()}
    liked = {key for app in apps for key in app.liked}
    until(
        lambda: _usage(service)["feedback"].get("up") == len(liked),
        "the reports to be folded",
        patience=LAST_SECONDS,
    )
    until(lambda: _inbox_is_empty(service, url), "the spans to be folded", patience=LAST_SECONDS)
    _settle(service, url)
    kept = _calls(service)
    row = _usage(service)
    total = sum(call["input_tokens"] for call in sent.values())
    wrong = [
        row["calls"] != len(sent),
        row["input_tokens"] != total,
        row["cached_tokens"] != len(sent) * CACHED,
        round(row["cost_usd"], 6) != round(len(sent) * 0.001, 6),
        *(app.refused + app.odd for app in apps),
    ]
    return Result(
        f"{engine} under reports, kill -9",
        kills,
        lost=len(sent.keys() - kept) + len(kept) - len(set(kept)),
        wrong=sum(map(bool, wrong)) + len(set(kept) - sent.keys()),
        note=f"{len(sent)} calls, each sent as a start, an end and a span, {len(liked)} with feedback",
        void=f"only {len(sent)} calls" if len(sent) < kills * BATCH else "",
    )


def _inbox_is_empty(service: Registry, url: str) -> bool:
    with closing(open_store(url, service.data)) as store:
        return store.inbox.depth() == 0


def _usage(service: Registry) -> Any:
    rows = service.api.get(f"{PLACE}/usage").json["data"]
    return rows[0] if rows else {"feedback": {}}


def _calls(service: Registry) -> list[str]:
    """The ids of all calls that are kept."""
    found: list[str] = []
    cursor = ""
    while True:
        page = service.api.get(f"{PLACE}/calls?limit=500{cursor}").json
        found += [call["id"] for call in page["data"]]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"
