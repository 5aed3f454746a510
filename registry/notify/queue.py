"""What waits to be sent, in the database of outcomes: a cursor for each target, and a queue.

A message is in the queue before the cursor goes on, in one transaction, and leaves it when it was taken: so
it is sent at least once, whatever restarts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.notify import schedule
from registry.rollouts.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry.outcomes.store.database import Connection

LOOKED_AT = 1000  # messages of a target, for the next to be sent
MS = 1000


class Message(NamedTuple):
    """A message for a target."""

    id: str
    kind: str
    body: str


class Waiting(NamedTuple):
    """A message that waits, and what is known of its tries."""

    pending: schedule.Pending
    message: Message


class Trouble(NamedTuple):
    """What is wrong with a target: messages that fail, since when, in seconds since 1970, and why."""

    target: str
    messages: int
    since: float
    error: str


class Standing(NamedTuple):
    """How a target stands; times are seconds since 1970.

    Attributes:
        waiting: messages in the queue.
        failing: how many of them were tried in vain, the oldest `since`, and the last `error`.
        lost: messages that were given up.
        taken, taken_at: the kind of the message that it took last, and when.
    """

    waiting: int = 0
    failing: int = 0
    since: float | None = None
    error: str | None = None
    lost: int = 0
    taken: str | None = None
    taken_at: float | None = None


def cursors(connection: Connection) -> dict[str, Position]:
    """Return how far each target is."""
    rows = connection.fetch("select target, epoch, seq from notify_cursors")
    return {target: Position(epoch, seq) for target, epoch, seq in rows}


def set_cursor(connection: Connection, target: str, position: Position) -> None:
    """Note that all up to a position is in the queue."""
    connection.execute(
        "insert into notify_cursors (target, epoch, seq) values (?, ?, ?) "
        "on conflict (target) do update set epoch = excluded.epoch, seq = excluded.seq",
        (target, *position),
    )


def forget(connection: Connection, targets: Iterable[str]) -> None:
    """Forget targets that the operator's file does not have any more."""
    for target in targets:
        connection.execute("delete from notify_cursors where target = ?", (target,))
        connection.execute("delete from notify_queue where target = ?", (target,))


def put(connection: Connection, target: str, messages: Iterable[Message], now: float) -> None:
    """Append messages; one that waits already is not doubled."""
    connection.execute_each(
        "insert into notify_queue (target, id, kind, body, tries, due) values (?, ?, ?, ?, 0, ?) "
        "on conflict (target, id) do nothing",
        [(target, *message, int(now * MS)) for message in messages],
    )


def next_due(connection: Connection, target: str, now: float) -> Waiting | None:
    """Return the message of a target to be sent now, if there is one."""
    rows = connection.fetch(
        "select place, tries, due, failing from notify_queue where target = ? order by place limit ?",
        (target, LOOKED_AT),
    )
    waiting = (
        schedule.Pending(place, tries, due / MS, None if failing is None else failing / MS)
        for place, tries, due, failing in rows
    )
    found = schedule.pick(waiting, now)
    if found is None:
        return None
    (row,) = connection.fetch("select id, kind, body from notify_queue where place = ?", (found.place,))
    return Waiting(found, Message(*row))


def taken(connection: Connection, target: str, waiting: Waiting, now: float) -> None:
    """Remove a message that was taken, and note that it was."""
    _remove(connection, waiting)
    note(connection, {f"taken:{target}": {"kind": waiting.message.kind, "at": now}}, now)


def _remove(connection: Connection, waiting: Waiting) -> None:
    connection.execute("delete from notify_queue where place = ?", (waiting.pending.place,))


def failed(connection: Connection, waiting: Waiting, error: str, due: float, now: float) -> None:
    """Note that a message was not taken, and when it is tried again."""
    since = waiting.pending.failing_since or now
    connection.execute(
        "update notify_queue set tries = tries + 1, due = ?, failing = ?, error = ? where place = ?",
        (int(due * MS), int(since * MS), error, waiting.pending.place),
    )


def lost(connection: Connection, target: str, waiting: Waiting, now: float) -> None:
    """Give a message up, and count it."""
    _remove(connection, waiting)
    count = (state(connection, f"lost:{target}") or 0) + 1
    note(connection, {f"lost:{target}": count}, now)


def troubles(connection: Connection) -> list[Trouble]:
    """Return what is wrong with targets."""
    rows = connection.fetch(
        "select target, count(*), min(failing), max(error) from notify_queue where failing is not null "
        "group by target order by target"
    )
    return [Trouble(target, messages, since / MS, error) for target, messages, since, error in rows]


def standings(connection: Connection) -> dict[str, Standing]:
    """Return how each target stands of which anything is known."""
    found: dict[str, Standing] = {}
    rows = connection.fetch(
        "select target, count(*), count(failing), min(failing), max(error) from notify_queue group by target"
    )
    for target, waiting, failing, since, error in rows:
        found[target] = Standing(waiting, failing, None if since is None else since / MS, error)
    for name, count in states(connection, "lost:").items():
        target = name.removeprefix("lost:")
        found[target] = found.get(target, Standing())._replace(lost=count)
    for name, last in states(connection, "taken:").items():
        target = name.removeprefix("taken:")
        found[target] = found.get(target, Standing())._replace(taken=last["kind"], taken_at=last["at"])
    return found


# What was said of budgets, alerts and tags


def state(connection: Connection, name: str) -> Any:
    """Return what is noted under a name; None: nothing is."""
    found = connection.fetch("select value from notify_states where name = ?", (name,))
    return json.loads(found[0][0]) if found else None


def states(connection: Connection, prefix: str) -> dict[str, Any]:
    """Return what is noted under names that begin so."""
    rows = connection.fetch(
        "select name, value from notify_states where substr(name, 1, ?) = ?", (len(prefix), prefix)
    )
    return {name: json.loads(value) for name, value in rows}


def drop_states(connection: Connection, prefix: str) -> None:
    """Forget what is noted under names that begin so."""
    connection.execute("delete from notify_states where substr(name, 1, ?) = ?", (len(prefix), prefix))


def note(connection: Connection, notes: Mapping[str, object], now: float) -> None:
    """Note values under names."""
    connection.execute_each(
        "insert into notify_states (name, value, at) values (?, ?, ?) "
        "on conflict (name) do update set value = excluded.value, at = excluded.at",
        [(name, json.dumps(value), int(now * MS)) for name, value in notes.items()],
    )
