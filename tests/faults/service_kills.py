"""The whole service killed under load (parent, worker, all of it): each change is made once, and stays."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import urllib3
from faults.scenario import Result, at_least
from support import Api, PromptRepository, Registry, children, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123
KILLS = 50
IN_SHORT = 2
WORKERS = 2
BUSY_SECONDS = (0.2, 0.8)  # of load between two kills
CHANGES_A_KILL = 2  # fewer are no load
AGAIN_SECONDS = 0.02
LAST_TRIES = 500  # of a change when all is over, so that a registry that is gone ends it, too
KINDS = ("a worker", "the parent", "both")


@dataclass
class Load:
    """Promotes without end, each change with a key, repeated until it is answered.

    Attributes:
        acknowledged: the seq of each change, by its key.
        doubled: keys that were answered with different seqs.
    """

    url: str
    token: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    doubled: int = 0

    def run(self, ended: Event) -> None:
        """Go on until it is over; the last change is finished."""
        left = LAST_TRIES
        for number in count():
            if ended.is_set():
                return
            key, version = f"change-{number}", ("1.0.0", "1.1.0")[number % 2]
            while not self._ask(key, version):
                time.sleep(AGAIN_SECONDS)
                left -= ended.is_set()
                if not left:
                    return
            self.doubled += self._ask(key, version) not in {0, self.acknowledged[key]}

    def _ask(self, key: str, version: str) -> int:
        """The seq of a change; 0 if nobody answers."""
        with closing(Api(self.url, self.token)) as api, suppress(urllib3.exceptions.HTTPError):
            answer = api.act("promote", "summarize", {"version": version}, Idempotency_Key=key)
            if answer.status == 200:
                return self.acknowledged.setdefault(key, answer.json["seq"])
        return 0


def prove(*, full: bool) -> Iterator[Result]:
    """Kill it again and again, and count at the end."""
    kills = KILLS if full else IN_SHORT
    with tempfile.TemporaryDirectory() as folder:
        author = PromptRepository(Path(folder) / "prompts")
        for version in ("1.0.0", "1.1.0"):
            author.tag("summarize", version)
        service = Registry(author.path, Path(folder) / "data", workers=WORKERS)
        load = Load(service.url, service.api.token)
        ended = Event()
        thread = Thread(target=load.run, args=(ended,))
        thread.start()
        try:
            done: dict[str, int] = dict.fromkeys(KINDS, 0)
            chance = random.Random(SEED)
            for number in range(kills):
                service = _kill(service, KINDS[number % len(KINDS)], chance, author.path)
                done[KINDS[number % len(KINDS)]] += 1
        finally:
            ended.set()
            thread.join()
            result = _count(service, load, sum(done.values()), str(done))
            service.stop()
    yield at_least(result, kills)


def _kill(service: Registry, kind: str, chance: random.Random, repository: Path) -> Registry:
    """Let it work a little, kill it, and start it again if nobody else does."""
    time.sleep(chance.uniform(*BUSY_SECONDS))  # the load goes on meanwhile
    workers = [pid for pid in children(service.process.pid) if _is_worker(pid)]
    if kind == "a worker":
        os.kill(chance.choice(workers), signal.SIGKILL)
        return service
    service.process.kill()
    service.process.wait()
    if kind == "both":
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(_is_worker, workers)), "the workers to end")
    service.api.close()
    return Registry(repository, service.data, port=service.port, workers=WORKERS)


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _count(service: Registry, load: Load, kills: int, note: str) -> Result:
    kept: list[dict[str, Any]] = []
    path = "/v1/environments/production/rollouts/summarize/history?limit=500"
    cursor = ""
    while True:
        page = service.api.get(path + cursor).json
        kept += page["data"]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    seqs = [change["seq"] for change in kept]
    acknowledged = list(load.acknowledged.values())
    lost = len(set(acknowledged) - set(seqs))
    doubled = load.doubled + len(seqs) - len(set(seqs)) + len(acknowledged) - len(set(acknowledged))
    few = len(acknowledged) < kills * CHANGES_A_KILL
    return Result(
        "kill -9 under load",
        kills,
        lost=lost + doubled + len(seqs) - len(acknowledged),
        wrong=int(seqs != sorted(seqs, reverse=True)),
        note=f"{len(acknowledged)} changes; {note}",
        void=f"only {len(acknowledged)} changes" if few else "",
    )
