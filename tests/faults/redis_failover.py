"""A master that a Sentinel watches is lost, replaced, comes back: changes, reads and clients go on."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from faults.scenario import Result
from faults.stage import READ, Load, Stage
from replication.servers import HOST, Watched
from support import STATES, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replication.servers import Server

CHANGES = 5  # while nothing is done


def prove(*, full: bool) -> Iterator[Result]:
    """Do one thing after the other to the master, its replica and the Sentinel."""
    with ExitStack() as stack:
        watched = Watched(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        url = f"redis+sentinel://:{watched.password}@{HOST}:1,{HOST}:{watched.sentinel.port}/prompts"
        stage = Stage(stack, url, watched.ask)
        for what, act in ACTS.items() if full else IN_SHORT:
            yield stage.under(what, partial(act, watched), full=full)
        if full:
            yield _begun_there(watched, stage, stack)
        yield stage.kept()


def _cut_off(watched: Watched, load: Load) -> str:
    """Let a replica lose its master, and become one when that is killed."""
    old, new = _cut(watched)
    load.go_on(CHANGES)
    lacks = _lose(watched, old, new)
    load.go_on(CHANGES)
    return f"{lacks} changes behind"


def _begun_there(watched: Watched, stage: Stage, stack: ExitStack) -> Result:
    """Let the only registry that there is begin on such a master."""
    old, new = _cut(watched)
    with stage.load() as load:
        load.go_on(CHANGES)
    for registry in stage.registries:
        registry.stop()
    lacks = _lose(watched, old, new)
    stage.registries = [stage.start(stack)]
    older = stage.registries[0].api.get(READ).json["seq"] < stage.acknowledged[-1]
    until(lambda: _seq(new) >= stage.acknowledged[-1], "the new master to be whole")
    note = f"{lacks} changes behind"
    return Result("the only registry begins on such a master", lacks, wrong=int(older), note=note)


def _cut(watched: Watched) -> tuple[Server, Server]:
    """Let the replica hear nothing more of the master; the two of them."""
    old, new = _two(watched)
    new.ask("CONFIG SET", "masterauth", "wrong")
    new.ask("CLIENT KILL", "TYPE", "primary")
    until(lambda: new.ask("INFO", "replication")["master_link_status"] == "down", "the cut")
    return old, new


def _lose(watched: Watched, old: Server, new: Server) -> int:
    """Kill the master, and wait for the other to be it; how many changes it lacks."""
    lacks = _seq(old) - _seq(new)
    assert lacks >= CHANGES, f"it is only {lacks} changes behind"
    old.stop()
    until(lambda: watched.named() is new, "the failover")
    new.ask("CONFIG SET", "masterauth", watched.password)
    return lacks


def _planned(watched: Watched, _: Load) -> str:
    """Let the Sentinel change their roles; it tells the old master, which takes writes, ten seconds later."""
    old, new = _two(watched)
    watched.sentinel.ask("SENTINEL FAILOVER", "prompts")
    until(lambda: watched.named() is new, "the failover")
    begun = time.monotonic()
    until(lambda: old.role() == "slave", "the end of the old master")
    return f"two masters for {time.monotonic() - begun:.0f} s"


def _killed(watched: Watched, load: Load) -> str:
    """Lose the master; it comes back without any data, and as a master until it is told."""
    old, new = _two(watched)
    old.stop()
    until(lambda: watched.named() is new, "the failover")
    load.go_on(CHANGES)
    old.start()
    assert old.role() == "master", "it should not know better"
    load.go_on(CHANGES)
    return ""


def _hanging(watched: Watched, load: Load) -> str:
    """Stop the master until another is one; let it go on, and believe that it is one still."""
    old, new = _two(watched)
    old.hang()
    until(lambda: watched.named() is new, "the failover")
    load.go_on(CHANGES)
    old.go_on()
    assert old.role() == "master", "it should not know better"
    load.go_on(CHANGES)
    return ""


def _blind(watched: Watched, load: Load) -> str:
    """Let the Sentinel hang, and kill it."""
    watched.sentinel.hang()
    load.go_on(CHANGES)
    watched.sentinel.go_on()
    watched.sentinel.stop()
    load.go_on(CHANGES)
    watched.sentinel.start()
    watched.hurry()
    return ""


def _all(watched: Watched, load: Load) -> str:
    """Kill all three, and let them come back."""
    master, replica = _two(watched)
    for one in (master, replica, watched.sentinel):
        one.stop()
    load.go_on(CHANGES)
    for one in (watched.sentinel, master, replica):
        one.start()
    watched.hurry()
    until(lambda: watched.named() is master, "the Sentinel")
    return ""


def _two(watched: Watched) -> tuple[Server, Server]:
    """The master and its replica, brought back by hand if it is none: the Sentinel takes its time."""
    master, replica = watched.named(), watched.other()
    if replica.process.poll() is not None:
        replica.start()
    replica.ask("REPLICAOF", HOST, master.port)
    until(lambda: _seq(replica) >= _seq(master) > 0, "the replica")
    until(watched.is_replica_known, "the Sentinel to know the replica")
    return master, replica


def _seq(server: Server) -> int:
    return int((server.ask("HGET", STATES, "head") or "0.0").partition(".")[2])


ACTS = {
    "a replica that was cut off is made master": _cut_off,
    "a planned failover": _planned,
    "the master killed, and back empty": _killed,
    "the master hangs, and goes on beside the new one": _hanging,
    "the Sentinel hangs and is killed, the master is well": _blind,
    "all killed, and back empty": _all,
}
IN_SHORT = [("a replica that was cut off is made master", _cut_off)]
