"""A Cluster moves our slot, and loses and regains nodes: changes, reads and clients go on as ever."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from faults.stage import Load, Stage
from redis.exceptions import AskError, ClusterDownError, MovedError
from replication.servers import HOST, Cluster, serves
from support import STATES, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.scenario import Result
    from replication.servers import Server

CHANGES = 3  # while nothing is done
MOMENT_SECONDS = 0.5  # half of what the nodes wait for each other


def prove(*, full: bool) -> Iterator[Result]:
    """Do one thing after the other to the slot and the nodes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = Cluster(stack, folder, spare_of=STATES)
        url = "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in cluster.nodes)
        stage = Stage(stack, url, cluster.ask)
        for what, act in ACTS.items() if full else IN_SHORT:
            yield stage.under(what, partial(act, cluster), full=full)
        yield stage.kept()


def _key_by_key(cluster: Cluster, load: Load) -> str:
    """Move the keys before the slot: registries are sent after each (ASK), and then for good (MOVED)."""
    home = cluster.owner(STATES)
    for target in (cluster.other(STATES), home):
        with cluster.moving(STATES, target) as source:
            assert _refusal(source) is AskError, "no key has moved"
            _goes_on(cluster, load)
        assert _refusal(source) is MovedError, "the slot has not moved"
        _goes_on(cluster, load)
    return "ASK and MOVED twice"


def _at_once(cluster: Cluster, load: Load) -> str:
    """Let the Cluster itself move the slot, in one piece."""
    home = cluster.owner(STATES)
    slot = home.ask("CLUSTER KEYSLOT", STATES)
    for source, target in pairwise((home, cluster.other(STATES), home)):
        there = target.ask("CLUSTER MYID")
        source.ask("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", there)
        until(partial(serves, target, STATES), "the slot to move")
        _goes_on(cluster, load)
    return ""


def _promoted(cluster: Cluster, load: Load) -> str:
    """Kill the node for good; later it comes back as a replica of its own replica."""
    old, new = _two(cluster)
    old.stop()
    until(lambda: serves(new, STATES), "the failover")
    _goes_on(cluster, load)
    old.start()
    _is_replica(cluster, old, new)
    return ""


def _hanging(cluster: Cluster, load: Load) -> str:
    """Let the node hang until it was replaced, and go on in the belief that it was not."""
    old, new = _two(cluster)
    old.hang()
    until(lambda: serves(new, STATES), "the failover")
    _goes_on(cluster, load)
    old.go_on()
    _is_replica(cluster, old, new)
    return ""


def _a_moment(cluster: Cluster, load: Load) -> str:
    """Let the node hang for less than the time after which it is replaced."""
    old, _ = _two(cluster)
    old.hang()
    load.ended.wait(MOMENT_SECONDS)
    old.go_on()
    until(lambda: serves(old, STATES), "the node")
    _goes_on(cluster, load)
    return ""


def _no_majority(cluster: Cluster, load: Load) -> str:
    """Let the other two masters hang, so that the one with our slot must not go on alone."""
    owner, replica = _two(cluster)
    others = [node for node in cluster.nodes if node not in {owner, replica}]
    for node in others:
        node.hang()
    until(lambda: _refusal(owner) is ClusterDownError, "the Cluster to be down")
    load.go_on(CHANGES)
    for node in others:
        node.go_on()
    until(lambda: serves(owner, STATES), "the Cluster")
    return ""


def _alone(cluster: Cluster, load: Load) -> str:
    """Kill a node that has no replica, and start it again, without any data."""
    cluster.move(STATES)
    owner = cluster.owner(STATES)
    assert cluster.replica_of(owner) is None, "it has a replica"
    other = next(node for node in cluster.nodes if node is not owner)
    owner.stop()
    until(lambda: _refusal(other) is ClusterDownError, "the Cluster to be down")
    load.go_on(CHANGES)
    owner.start()
    until(lambda: serves(owner, STATES), "the Cluster")
    return ""


def _two(cluster: Cluster) -> tuple[Server, Server]:
    """The node with our slot, and its replica."""
    owner = cluster.owner(STATES)
    replica = cluster.replica_of(owner)
    assert replica, "it has no replica"
    return owner, replica


def _goes_on(cluster: Cluster, load: Load) -> None:
    """Wait for some more changes, and that they come to where the key is now."""
    load.go_on(CHANGES)
    load.settle()


def _is_replica(cluster: Cluster, old: Server, new: Server) -> None:
    until(lambda: cluster.replica_of(new) is old, "the old master to be a replica")


def _refusal(node: Server) -> type[Exception] | None:
    try:
        node.ask("HGET", STATES, "head")
    except redis.RedisError as error:
        return type(error)
    return None


ACTS = {
    "our slot moves, key by key, and back": _key_by_key,
    "our slot moves at once, and back": _at_once,
    "its node is killed, its replica promoted": _promoted,
    "its node hangs until its replica is promoted": _hanging,
    "its node hangs a moment": _a_moment,
    "two nodes hang, no majority is left": _no_majority,
    "its node without a replica killed, and back empty": _alone,
}
IN_SHORT = [("our slot moves, key by key, and back", _key_by_key)]
