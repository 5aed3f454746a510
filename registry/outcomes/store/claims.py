"""Claims: calls that one judge scores, so that several do not score the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.outcomes.store import days
from registry.outcomes.store.rows import SAMPLED

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection


def take(  # noqa: PLR0913, PLR0917
    connection: Connection, environment: str, limit: int, lease: str, now: int, until: int
) -> list[bytes]:
    """Claim calls with content and without a score, and return them.

    An id's last bytes are random, so their order is as good as that of a hash: no kind of call comes first.
    """
    connection.execute("delete from claims where until < ?", (now,))
    taken: list[bytes] = []
    for day in days.listed(connection):
        found = connection.fetch(
            f"select c.call from {days.calls(day)} c join series s on s.series = c.series "
            f"where s.environment = ? and (c.state & {SAMPLED}) <> 0 "
            "and not exists (select 1 from signals g where g.call = c.call and g.kind = 'score') "
            "and not exists (select 1 from claims k where k.call = c.call) "
            "order by substr(c.call, 9) limit ?",
            (environment, limit - len(taken)),
        )
        taken += [
            key
            for (key,) in found
            if connection.execute(
                "insert into claims (call, lease, until) values (?, ?, ?) on conflict (call) do nothing",
                (key, lease, until),
            )
        ]
        if len(taken) >= limit:
            break
    return taken
