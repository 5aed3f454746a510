"""Queue events for the targets that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.notify import message, queue
from registry.policies.events import chosen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from registry.notify.event import Event
    from registry.outcomes.store.database import Connection
    from registry.policies.targets import Target

    Targets = Mapping[str, Target]


def put(connection: Connection, targets: Targets, name: str, events: Iterable[Event], now: float) -> None:
    """Queue those of the events that a target wants."""
    wanted = [event for event in events if chosen(event.kind, targets[name].events)]
    queue.put(connection, name, [_message(event, targets[name]) for event in wanted], now)


def put_for(
    connection: Connection, targets: Targets, named: Collection[str], event: Event, now: float
) -> None:
    """Queue an event for the targets that a rule names; if it names none, for all that want such events."""
    if not named:
        for name in targets:
            put(connection, targets, name, [event], now)
    for name in named:
        queue.put(connection, name, [_message(event, targets[name])], now)


def _message(event: Event, target: Target) -> queue.Message:
    return queue.Message(event.id, event.kind, message.body(event, target.format, target.home))
