"""Redis killed, emptied, turned back, stopped, slow, full, meddled with: changes and reads go on as ever."""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from faults.proof import Result, at_least
from support import PATIENCE, PromptRepository, Registry, Valkey

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "{promptstage}:states"
CHANGES = 60  # while a fault lasts
IN_SHORT_CHANGES = 6
WHOLE_SECONDS = 1.0  # after Redis is back
READ_SECONDS = 0.25  # no read may wait for a Redis
SLACK = 10  # times as much time is allowed beside other tests
LOOK_SECONDS = 0.005


class Fault(NamedTuple):
    """What is done to a Valkey, and how that is undone."""

    what: str
    inject: Callable[[Valkey], object]
    heal: Callable[[Valkey], object]


@dataclass
class Stage:
    """Two registries of one folder over one Valkey, and a client of the second one that is watched.

    Attributes:
        acknowledged: the seq of every change that was answered.
        slowest: the longest read, in seconds.
        refused: changes and reads that were not answered well.
        turned_back: how often the client went back to an older position.
    """

    valkey: Valkey
    registries: list[Registry]
    client: Client
    acknowledged: list[int] = field(default_factory=list)
    slowest: float = 0.0
    refused: int = 0
    turned_back: int = 0
    versions: Iterator[str] = field(default_factory=lambda: cycle(["1.1.0", "1.0.0"]))

    def change(self, count: int) -> None:
        """Promote through both registries in turn, and read from both after each change."""
        for _, registry in zip(range(count), cycle(self.registries), strict=False):
            answer = registry.api.act("promote", "summarize", {"version": next(self.versions)})
            if answer.status == 200:
                self.acknowledged.append(answer.json["seq"])
            else:
                self.refused += 1
            for reader in self.registries:
                begun = time.monotonic()
                status = reader.api.get("/v1/environments/production/releases/summarize").status
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.refused += status != 200

    def watch(self, ended: Event) -> None:
        """Look at the client's position again and again."""
        seen = (0, 0)
        while not ended.wait(LOOK_SECONDS):
            held: Any = self.client.status()["prompts"]["summarize"]
            position = (held["epoch"] or 0, held["seq"] or 0)
            self.turned_back += position < seen
            seen = max(seen, position)

    def is_whole(self) -> bool:
        """Whether Redis has what the journal has."""
        state = self.registries[0].api.state("summarize")
        head, states = self.valkey.states()
        return head == f"{state['epoch']}.{state['seq']}" and states.get("production/summarize") == state


def prove(*, full: bool) -> Iterator[Result]:
    """Inject one fault after the other."""
    with ExitStack() as stack:
        stage = _stage(stack)
        for fault in _faults():
            yield _under(stage, fault, full=full)
        history = stage.registries[1].api.get(
            "/v1/environments/production/rollouts/summarize/history?limit=500"
        )
        kept = [change["seq"] for change in history.json["data"]]
        lost = len(set(stage.acknowledged) - set(kept)) + len(kept) - len(set(kept))
        yield Result("all of it, in the journal", len(stage.acknowledged), lost=lost, wrong=stage.turned_back)


def _stage(stack: ExitStack) -> Stage:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    author = PromptRepository(folder / "prompts")
    for version in ("1.0.0", "1.1.0"):
        author.tag("summarize", version)
    valkey = Valkey(folder)
    stack.callback(valkey.kill)
    registries = []
    for _ in range(2):
        registries.append(Registry(author.path, folder / "data", redis_url=valkey.url))
        stack.callback(registries[-1].stop)
    registries[0].api.act("promote", "summarize", {"version": "1.0.0"})
    token = registries[1].api.token
    client = Client(registries[1].url, token=token, prompts=["summarize"], snapshot_dir=folder / "snapshots")
    stack.callback(client.close)
    stage = Stage(valkey, registries, client)
    ended = Event()
    watching = Thread(target=stage.watch, args=(ended,))
    watching.start()
    stack.callback(watching.join)
    stack.callback(ended.set)
    return stage


def _under(stage: Stage, fault: Fault, *, full: bool) -> Result:
    changes, slack = (CHANGES, 1) if full else (IN_SHORT_CHANGES, SLACK)
    stage.slowest, stage.refused = 0.0, 0
    done = len(stage.acknowledged)
    fault.inject(stage.valkey)
    stage.change(changes)
    fault.heal(stage.valkey)
    took = _wait(stage)
    late = (took > WHOLE_SECONDS * slack) + (stage.slowest > READ_SECONDS * slack)
    note = f"whole after {took * 1000:.0f} ms, slowest read {stage.slowest * 1000:.0f} ms"
    result = Result(fault.what, len(stage.acknowledged) - done, wrong=stage.refused, stale=late, note=note)
    return at_least(result, changes)


def _wait(stage: Stage) -> float:
    begun = time.monotonic()
    for _ in count():
        try:
            if stage.is_whole():
                break
        except Exception:  # noqa: BLE001 - it is not there yet, or holds what is not ours
            pass
        if time.monotonic() - begun > PATIENCE:
            break
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - begun


def _faults() -> Iterator[Fault]:
    def nothing(_: Valkey) -> None:
        """It heals by itself."""

    kept: dict[Any, Any] = {}

    def remember(valkey: Valkey) -> None:
        kept.update(_raw(valkey, "hgetall", KEY))

    def turn_back(valkey: Valkey) -> None:
        _raw(valkey, "delete", KEY)
        _raw(valkey, "hset", KEY, mapping=kept)

    yield Fault("nothing, to compare with", remember, nothing)
    yield Fault("killed, and back empty", Valkey.kill, Valkey.start)
    yield Fault("FLUSHALL", lambda valkey: _raw(valkey, "flushall"), nothing)
    yield Fault("an older dump", turn_back, nothing)
    yield Fault("a foreign value in our key", _foreign, nothing)
    yield Fault("stopped, so that it hangs", _signal(signal.SIGSTOP), _signal(signal.SIGCONT))
    yield Fault("2 s slow", lambda valkey: _raw(valkey, "client_pause", 2000), Valkey.answers)
    yield Fault("full, and evicting", lambda valkey: _limit(valkey, 1), _relieve)


def _raw(valkey: Valkey, command: str, *arguments: Any, **more: Any) -> Any:
    with valkey.client() as client:
        return getattr(client, command)(*arguments, **more)


def _foreign(valkey: Valkey) -> None:
    _raw(valkey, "delete", KEY)
    _raw(valkey, "set", KEY, "not ours")


def _limit(valkey: Valkey, size: int) -> None:
    _raw(valkey, "config_set", "maxmemory-policy", "allkeys-lru")
    _raw(valkey, "config_set", "maxmemory", size)


def _relieve(valkey: Valkey) -> None:
    evicted = _raw(valkey, "info", "stats")["evicted_keys"]
    refused = _raw(valkey, "info", "errorstats").get("errorstat_OOM")
    assert evicted or refused, "it was never full"
    _limit(valkey, 0)


def _signal(number: int) -> Callable[[Valkey], None]:
    def send(valkey: Valkey) -> None:
        assert valkey.process
        valkey.process.send_signal(number)

    return send
