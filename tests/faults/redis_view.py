"""Redis killed, emptied, turned back, stopped, slow, full, meddled with: changes and reads go on as ever."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from faults.scenario import Result, at_least
from faults.stage import READ, Load, Stage
from replication.servers import HOST, Server
from support import STATES, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHANGES = 25  # while a fault lasts
IN_SHORT_CHANGES = 3
PAUSE_SECONDS = 2
_TURN_BACK = "redis.call('DEL', KEYS[1]); redis.call('HSET', KEYS[1], unpack(ARGV))"


class Fault(NamedTuple):
    """What is done to a Redis, and how that is undone."""

    what: str
    inject: Callable[[Server], object]
    heal: Callable[[Server], object]


def prove(*, full: bool) -> Iterator[Result]:
    """Inject one fault after the other."""
    changes = CHANGES if full else IN_SHORT_CHANGES
    with ExitStack() as stack:
        server = Server(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stage = Stage(stack, f"redis://{HOST}:{server.port}", server.ask)
        for fault in _faults():
            result = stage.under(fault.what, partial(_while, server, fault, changes), full=full)
            yield at_least(result, changes)
        yield stage.kept()
        if full:
            yield _two_journals(stage, stack)


def _while(server: Server, fault: Fault, changes: int, load: Load) -> str:
    fault.inject(server)
    load.go_on(changes)
    fault.heal(server)
    return ""


def _two_journals(stage: Stage, stack: ExitStack) -> Result:
    """Let a registry with a journal of its own use the same keys: the later one wins, the other refuses."""
    stranger = stage.start(stack, data="elsewhere").api
    made = stranger.act("promote", "summarize", {"version": "1.0.0"}).json
    until(lambda: stage.position() == (made["epoch"], made["seq"]), "the client")
    wrong = 0
    for registry in stage.registries:
        answer = registry.api.act("promote", "summarize", {"version": "1.1.0"})
        wrong += (answer.status, answer.json.get("code")) != (503, "journal_behind")
        wrong += registry.api.get(READ).json["epoch"] != made["epoch"]
    return Result("two journals on one prefix", 1, wrong=wrong, note="the earlier one is read-only")


def _faults() -> Iterator[Fault]:
    def nothing(_: Server) -> None:
        """It heals by itself."""

    kept: dict[str, str] = {}

    def remember(server: Server) -> None:
        kept.update(server.ask("HGETALL", STATES))

    def turn_back(server: Server) -> None:
        server.ask("EVAL", _TURN_BACK, 1, STATES, *(part for field in kept.items() for part in field))

    yield Fault("nothing, to compare with", remember, nothing)
    yield Fault("killed, and back empty", Server.stop, Server.start)
    yield Fault("FLUSHALL", _asked("FLUSHALL"), nothing)
    yield Fault("an older dump", turn_back, nothing)
    yield Fault("a foreign value in our key", _asked("SET", STATES, "not ours"), nothing)
    yield Fault("stopped, so that it hangs", Server.hang, Server.go_on)
    slow = _asked("CLIENT PAUSE", PAUSE_SECONDS * 1000)
    yield Fault("2 s slow", slow, _asked("PING", seconds=2 * PAUSE_SECONDS))
    yield Fault("full, and evicting", _limit, _relieve)


def _asked(*command: str | int, **how: Any) -> Callable[[Server], object]:
    return lambda server: server.ask(*command, **how)


def _limit(server: Server) -> None:
    server.ask("CONFIG SET", "maxmemory-policy", "allkeys-lru", "maxmemory", 1)


def _relieve(server: Server) -> None:
    evicted = server.ask("INFO", "stats")["evicted_keys"]
    assert evicted or "errorstat_OOM" in server.ask("INFO", "errorstats"), "it was never full"
    server.ask("CONFIG SET", "maxmemory", 0)
