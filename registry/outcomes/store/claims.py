"""Claims: calls that one judge scores, so that several do not score the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes.store import samples

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection


def take(  # noqa: PLR0913, PLR0917
    connection: Connection, environment: str, limit: int, lease: str, now: int, until: int
) -> list[bytes]:
    """Claim calls with content and without a score, by the hash of their ids, and return them."""
    connection.execute("delete from claims where until < ?", (now,))
    found = connection.fetch(
        f"select call from samples s where environment = ? and judged = {samples.WAITS} "
        "and not exists (select 1 from claims k where k.call = s.call) order by place limit ?",
        (environment, limit),
    )
    return [
        call
        for (call,) in found
        if connection.execute(
            "insert into claims (call, lease, until) values (?, ?, ?) on conflict (call) do nothing",
            (call, lease, until),
        )
    ]


def renew(connection: Connection, call: bytes, lease: str, until: int) -> bool:
    """Hold a claim for longer; False if it is another judge's, or nobody's any more."""
    return bool(
        connection.execute(
            "update claims set until = case when until > ? then until else ? end "
            "where call = ? and lease = ?",
            (until, until, call, lease),
        )
    )


def settle(connection: Connection, call: bytes, lease: str, judged: int) -> bool:
    """Note what came of a claim, and end it; False if it is another judge's, or nobody's any more."""
    if not connection.execute("delete from claims where call = ? and lease = ?", (call, lease)):
        return False
    connection.execute("update samples set judged = ? where call = ? and judged = 0", (judged, call))
    return True


def holds(connection: Connection, call: bytes, lease: str) -> bool:
    """Return whether a claim is still a judge's."""
    return bool(connection.fetch("select 1 from claims where call = ? and lease = ?", (call, lease)))
