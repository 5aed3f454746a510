"""The desk of judges: claim calls, hold money for a question, and say what came of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from registry.errors import Conflict
from registry.outcomes.call import DAY_MS
from registry.outcomes.rates import NANOS
from registry.outcomes.store import calls, claims, judged, judging, rows, samples
from registry.outcomes.store.fold import SCORES
from registry.outcomes.store.judging import Reservation
from registry.review import agreement, rules
from registry.review.agreement import Pair
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.outcomes.outcomes import Outcomes, Taken
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.judged import Judge, Labelled, Usual

TWICE_DAYS = 30  # whose second scores are compared with the first
HABIT_DAYS = 7  # that doctor looks at
LEASE_MS = 300_000  # that a claim is held after each word of its judge: longer than it waits for a model
OUTCOMES = {  # what can come of a claim, and how its call stands then
    "scored": samples.SCORED,
    "nonsense": samples.NONSENSE,
    "nothing": samples.NO_RUBRIC,
    "failed": samples.WAITS,
    "released": samples.WAITS,
}


class Said(NamedTuple):
    """What a judge says of a claim.

    Attributes:
        lease: of the claim.
        outcome: one of `OUTCOMES`. A call that failed is claimed again when its lease is over.
        reservation: what was held for it; None: nothing.
        usd: what was spent of that.
        scores: as `POST scores` takes them.
        nonsense: answers of the model that were no score.
    """

    lease: str
    outcome: str
    reservation: str | None
    usd: float
    scores: Sequence[Any]
    nonsense: int = 0


class Habits(NamedTuple):
    """What judges did of late: in sum, what each says, and what they said twice of the same calls."""

    done: judging.Day
    usual: list[Usual]
    twice: list[tuple[Judge, float, float]]


class Judges:
    """Claims, money and outcomes of judges; any thread may use it."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes

    def claim(self, environment: str, limit: int, lease_seconds: int) -> tuple[list[dict[str, Any]], str]:
        """Claim sampled calls without a score for a while; return them with content, and the lease.

        Raises:
            Unavailable: the database does not answer.
        """
        lease, now = str(uuid4()), _now()
        database = self._outcomes.database()
        until = now + lease_seconds * 1000
        keys = database.write(
            lambda connection: claims.take(connection, environment, limit, lease, now, until)
        )
        found = database.read(lambda connection: calls.with_content(connection, environment, keys))
        return found, lease

    def reserve(
        self, environment: str, call: str, lease: str, usd: float, most: float | None
    ) -> dict[str, Any]:
        """Hold money for the questions about a call, and its claim for longer.

        Args:
            environment: where.
            call: its id.
            lease: of its claim.
            usd: the most that the questions can cost.
            most: that all judges may spend on a day (UTC); None: no limit.

        Raises:
            Conflict: the day's money is spent (`budget_spent`), or the claim is over (`lease_over`).
            Unavailable: the database does not answer.
        """
        now, key = _now(), rows.call_key(call)
        today = now // DAY_MS
        asked = Reservation(str(uuid4()), environment, today, key, _nanos(usd), now)

        def work(connection: Connection) -> judging.Day:
            if not claims.renew(connection, key, lease, now + LEASE_MS):
                raise _lease_over(call)
            held = judging.reserve(connection, asked, None if most is None else _nanos(most))
            day = judging.day(connection, environment, today)
            if not held:
                raise _spent(environment, day, today, most or 0.0)
            return day

        day = self._outcomes.database().write(work)
        return {"id": asked.id, "usd": asked.nanos / NANOS, **_money(day, most)}

    def settle(self, environment: str, token: str, call: str, said: Said) -> Taken:
        """Keep what came of a claim: first its scores, then what it cost. Said again it changes nothing.

        Raises:
            Conflict: the claim is over (`lease_over`), so the scores are not kept; what was spent counts.
            Unavailable: the database does not answer.
        """
        key, database = rows.call_key(call), self._outcomes.database()
        is_held = database.read(lambda connection: claims.holds(connection, key, said.lease))
        taken = self._outcomes.take_signals(environment, token, SCORES, said.scores if is_held else ())

        def work(connection: Connection) -> bool:
            is_first = said.reservation is None or judging.settle(
                connection, said.reservation, environment, _spending(said)
            )
            if said.outcome != "failed":
                claims.settle(connection, key, said.lease, OUTCOMES[said.outcome])
            return is_first

        if database.write(work) and not is_held:
            raise _lease_over(call)
        return taken

    def agreement(self, environment: str, prompt: str | None) -> list[dict[str, Any]]:
        """Return how far each judge agrees with people, and with itself. Raises Unavailable."""
        since = _now() - TWICE_DAYS * DAY_MS

        def work(connection: Connection) -> list[dict[str, Any]]:
            labelled = judged.labelled(connection, environment, prompt)
            return _compared(labelled, judged.twice(connection, environment, prompt, since))

        return self._outcomes.database().read(work) if self._outcomes.is_there else []

    def habits(self, environment: str) -> Habits | None:
        """Return what judges did of late; None without any calls. Raises Unavailable."""
        if not self._outcomes.is_there:
            return None
        now = _now()
        since = now - HABIT_DAYS * DAY_MS

        def work(connection: Connection) -> Habits:
            return Habits(
                judging.since(connection, environment, since // DAY_MS),
                judged.usual(connection, environment, since),
                judged.twice(connection, environment, None, since),
            )

        return self._outcomes.database().read(work)


def _compared(
    labelled: Sequence[Labelled], twice: Sequence[tuple[Judge, float, float]]
) -> list[dict[str, Any]]:
    """Return what there is to say of each judge, by its name, model and rubric."""
    found = []
    judges = {one.judge for one in labelled} | {judge for judge, *_ in twice}
    for judge in sorted(judges, key=lambda one: (one.name, one.judge, one.rubric or "")):
        own = [one for one in labelled if one.judge == judge]
        chances = [(rules.chance(one.reasons), one) for one in own]
        pairs = [Pair(chance, one.is_good, one.score) for chance, one in chances if chance is not None]
        agreed = agreement.compare(pairs)
        found.append(
            {
                **judge._asdict(),
                "labels": len(pairs),
                "needs": max(0, agreement.LEAST - len(pairs)),
                "chosen": len(own) - len(pairs),
                **(agreed.to_json() if agreed else _TOO_FEW),
                "twice": agreement.twice((a, b) for other, a, b in twice if other == judge),
            }
        )
    return found


_TOO_FEW = dict.fromkeys(("worth", "agrees", "passes_bad", "fails_good", "says_good", "kappa"))


def _spending(said: Said) -> judging.Day:
    """Return what a claim adds to its day."""
    return judging.Day(
        spent=_nanos(said.usd),
        scored=int(said.outcome == "scored"),
        nonsense=said.nonsense,
        failed=int(said.outcome == "failed"),
    )


def _lease_over(call: str) -> Conflict:
    return Conflict(
        f"the claim of {call} is over, or was settled; another judge may have it. Claim other calls",
        code="lease_over",
    )


def _spent(environment: str, day: judging.Day, today: int, most: float) -> Conflict:
    ends = datetime.fromtimestamp(0, UTC) + timedelta(days=today + 1)
    return Conflict(
        f"the ${most:g} that judges may spend on a day in {environment} are spent or held; go on at "
        f"{timestamps.rfc3339(ends)}, or allow more",
        code="budget_spent",
        **_money(day, most),
        resets_at=timestamps.rfc3339(ends),
    )


def _money(day: judging.Day, most: float | None) -> dict[str, Any]:
    used = (day.spent + day.reserved) / NANOS
    return {
        "spent_usd": day.spent / NANOS,
        "reserved_usd": day.reserved / NANOS,
        "left_usd": None if most is None else max(0.0, most - used),
    }


def _nanos(usd: float) -> int:
    return round(usd * NANOS)


def _now() -> int:
    return time.time_ns() // 1_000_000
