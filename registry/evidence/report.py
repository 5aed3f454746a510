"""Read the evidence of a rollout, under way or over, in the form of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import NotFound
from registry.evidence import ledger
from registry.evidence.assessment import DATABASE, Waiting, assess, duration, weigh
from registry.evidence.counting import EXPOSED
from registry.evidence.measured import ARMS
from registry.evidence.over_time import lines, shown, slot_ms
from registry.evidence.watching import guard_of, last_of, step_of
from registry.outcomes.store import evidence_views
from registry.outcomes.store.evidence import KEPT_DAYS
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.control.rollouts import Rollouts
    from registry.evidence.assessment import Opinion
    from registry.evidence.ledger import Collected
    from registry.evidence.watching import Last
    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.evidence import Summary
    from registry.rollouts.state import Rollout


class More(NamedTuple):
    """What is added to evidence where somebody asks for it.

    Attributes:
        recount: `recounted`: all units added up again.
        over_time: `over_time`: the evidence of harm as it grew.
        by: `by`: the calls of both arms by `segment` or `model`.
    """

    recount: bool = False
    over_time: bool = False
    by: str | None = None


NO_MORE = More()


class Evidence:
    """The evidence of one registry's rollouts; any thread may ask."""

    def __init__(self, rollouts: Rollouts, outcomes: Outcomes) -> None:
        self._rollouts = rollouts
        self._outcomes = outcomes

    def of(
        self,
        environment: str,
        prompt: str,
        identifier: str | None = None,
        more: More = NO_MORE,
    ) -> dict[str, Any]:
        """Return the evidence of a rollout.

        Args:
            environment: where.
            prompt: the prompt.
            identifier: the rollout's id; None: the one under way, else the last one.
            more: what to add.

        Raises:
            NotFound: there is no such environment, prompt or rollout (`no_rollout`).
            Unavailable: the database or the journal does not answer.
        """
        present = self._rollouts.state(environment, prompt)
        last = last_of(present, identifier, lambda seq: self._rollouts.replica.entry(seq).change)
        if last is None:
            raise NotFound(
                f"{prompt} had no such rollout in {environment}; promptstage history {prompt} shows those "
                "that there were",
                code="no_rollout",
            )
        found = self._shown(last)
        if more.recount:
            found["recounted"] = self._recount(last)
        if more.over_time:
            found["over_time"] = self._over_time(last.rollout)
        if more.by:
            found["by"] = self._parts(last.rollout.id, more.by)
        return found

    def _parts(self, rollout: str, by: str) -> list[dict[str, Any]]:
        """Return the calls of both arms by a dimension, those of which there are most first."""
        if not self._outcomes.is_there:
            return []
        found: dict[str | None, dict[str, Any]] = {}
        for part in self._outcomes.database().read(
            lambda connection: evidence_views.parts_by(connection, rollout, by)
        ):
            none: dict[str, Any] = {arm: {"calls": 0, "errors": 0} for arm in ARMS}
            of = found.setdefault(part.value, {by: part.value, **none})
            of[part.arm] = {"calls": part.calls, "errors": part.errors}
        return list(found.values())

    def _over_time(self, rollout: Rollout) -> dict[str, Any] | None:
        """Return the evidence as it grew; None: no unit is kept."""
        if not self._outcomes.is_there:
            return None
        guard = guard_of(rollout)
        bits = {name: 1 << place for place, name in enumerate((EXPOSED, *guard.metrics))}
        ratios = {name: guard.tolerance[name] for name in guard.metrics if name != "cost"}

        def read(connection: Connection) -> dict[str, Any] | None:
            span = evidence_views.span(connection, rollout.id)
            if span is None:
                return None
            width = slot_ms(*span)
            rows = evidence_views.bad_by_time(connection, rollout.id, span[0], width)
            return shown(span[0], width, lines(rows, ratios, bits=bits))

        return self._outcomes.database().read(read)

    def _recount(self, last: Last) -> dict[str, Any] | None:
        """Add all units up again; None: they are not kept any more."""
        if last.end and last.end.at < datetime.now(UTC) - timedelta(days=KEPT_DAYS):
            return None
        rollout = last.rollout
        guard = guard_of(rollout)
        cost = guard.constants.get("cost")
        cap = round(cost.cap) if cost and cost.cap is not None else None
        if not self._outcomes.is_there:
            return {}
        found = self._outcomes.database().read(
            lambda connection: ledger.recount(connection, rollout.id, guard.metrics, cap)
        )
        return {
            name: {arm: counts.to_json(mean=name == "cost") for arm, counts in arms.items()}
            for name, arms in found.items()
        }

    def _collected(self, rollout: Rollout, metrics: Sequence[str]) -> Collected:
        if not self._outcomes.is_there:
            return ledger.nothing(metrics)
        wanted = {rollout.id: metrics}
        found = self._outcomes.database().read(lambda connection: ledger.collect(connection, wanted))
        return found[rollout.id]

    def _shown(self, last: Last) -> dict[str, Any]:
        state, rollout = last.state, last.rollout
        guard, now = guard_of(rollout), datetime.now(UTC)
        collected = self._collected(rollout, guard.metrics)
        summary = collected.summary
        step = step_of(rollout, summary, now)
        opinion = weigh(guard, collected.counts)
        waiting = None if last.end else assess(rollout.guard, opinion, step).waiting
        return {
            "prompt": state.prompt,
            "environment": state.environment,
            "rollout": rollout.id,
            "candidate": rollout.candidate.version,
            "stable": state.stable_version,
            "guard": rollout.guard and rollout.guard.model_dump(mode="json"),
            "verdict": opinion.verdict if rollout.guard else "off",
            "harm": list(opinion.harm) if rollout.guard else [],
            "metrics": _metrics(opinion, summary, now - rollout.entered_at),
            "exposed": [
                {"percent": each.percent, "canary": each.canary.units, "control": each.control.units}
                for each in opinion.exposed
            ],
            "misassigned": summary.misassigned if summary else 0,
            "tokens": dict(summary.tokens) if summary else {},
            "newest_call": step.newest and timestamps.rfc3339(step.newest),
            "waiting": waiting and waiting.to_json(),
        }


def unavailable() -> dict[str, Any]:
    """Return what a guarded step waits for while the database does not answer."""
    return Waiting(DATABASE).to_json()


def _metrics(opinion: Opinion, summary: Summary | None, since: timedelta) -> list[dict[str, Any]]:
    greatest = summary.greatest if summary else {}
    shown = []
    for each in opinion.judged:
        metric = each.to_json(greatest.get(each.metric.name, 0.0))
        if each.more is not None and each.events:
            metric["needs"]["eta"] = duration(since * (each.more / each.events))
        shown.append(metric)
    return shown
