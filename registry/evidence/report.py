"""Read the evidence of a rollout, under way or over, in the form of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.errors import NotFound
from registry.evidence import ledger
from registry.evidence.assessment import DATABASE, Step, Waiting, assess, duration
from registry.evidence.watching import guard_of
from registry.outcomes.store import evidence as store
from registry.rollouts.schedule import held
from registry.system import timestamps

if TYPE_CHECKING:
    from datetime import timedelta

    from registry.control.rollouts import Rollouts
    from registry.evidence.assessment import Assessment
    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.evidence import Summary
    from registry.rollouts.state import Rollout, State


class Evidence:
    """The evidence of one registry's rollouts; any thread may ask."""

    def __init__(self, rollouts: Rollouts, outcomes: Outcomes) -> None:
        self._rollouts = rollouts
        self._outcomes = outcomes

    def of(
        self, environment: str, prompt: str, identifier: str | None = None, *, recount: bool = False
    ) -> dict[str, Any]:
        """Return the evidence of a rollout.

        Args:
            environment: where.
            prompt: the prompt.
            identifier: the rollout's id; None: the one under way, else the last one.
            recount: add `recounted`: all units added up again.

        Raises:
            NotFound: there is no such environment, prompt or rollout (`no_rollout`).
            Unavailable: the database or the journal does not answer.
        """
        state = self._find(self._rollouts.state(environment, prompt), identifier)
        rollout = state.rollout
        if rollout is None:
            raise NotFound(
                f"{prompt} had no such rollout in {environment}; promptstage history {prompt} shows those "
                "that there were",
                code="no_rollout",
            )
        return self._shown(state, rollout) | ({"recounted": self._recount(rollout)} if recount else {})

    def _recount(self, rollout: Rollout) -> dict[str, Any]:
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

    def _find(self, state: State, identifier: str | None) -> State:
        """Return the last state of a rollout; one without a rollout if there is none."""
        while state.rollout is None or identifier not in {None, state.rollout.id}:
            seq = self._rollouts.replica.entry(state.seq).change.previous if state.seq else 0
            before = self._rollouts.replica.entry(seq).change.state if seq else None
            if before is None:
                return state.model_copy(update={"rollout": None})
            state = before
        return state

    def _shown(self, state: State, rollout: Rollout) -> dict[str, Any]:
        guard = guard_of(rollout)
        if not self._outcomes.is_there:
            counts, summary = ledger.nothing(guard.metrics), None
        else:
            counts, summary = self._outcomes.database().read(
                lambda connection: (
                    ledger.read_counts(connection, rollout.id, guard.metrics),
                    store.summary(connection, rollout.id),
                )
            )
        now = datetime.now(UTC)
        newest = datetime.fromtimestamp(summary.newest / 1000, UTC) if summary and summary.newest else None
        step = Step(
            percent=rollout.percent,
            hold=held(rollout.steps[rollout.step]),
            since=rollout.entered_at,
            newest=newest,
            now=now,
        )
        found = assess(guard, counts, step)
        is_under_way = self._rollouts.state(state.environment, state.prompt).rollout_id == rollout.id
        waiting = found.waiting if is_under_way and rollout.guard else None
        return {
            "prompt": state.prompt,
            "environment": state.environment,
            "rollout": rollout.id,
            "candidate": rollout.candidate.version,
            "stable": state.stable_version,
            "guard": rollout.guard and rollout.guard.model_dump(mode="json"),
            "verdict": found.verdict if rollout.guard else "off",
            "harm": list(found.harm) if rollout.guard else [],
            "metrics": _metrics(found, summary, now - rollout.entered_at),
            "exposed": [
                {"percent": each.percent, "canary": each.canary.units, "control": each.control.units}
                for each in found.exposed
            ],
            "misassigned": summary.misassigned if summary else 0,
            "tokens": dict(summary.tokens) if summary else {},
            "newest_call": newest and timestamps.rfc3339(newest),
            "waiting": waiting and waiting.to_json(),
        }


def unavailable() -> dict[str, Any]:
    """Return what a guarded step waits for while the database does not answer."""
    return Waiting(DATABASE).to_json()


def _metrics(found: Assessment, summary: Summary | None, since: timedelta) -> list[dict[str, Any]]:
    greatest = summary.greatest if summary else {}
    shown = []
    for each in found.judged:
        metric = each.to_json(greatest.get(each.metric.name, 0.0))
        if each.more is not None and each.events:
            metric["needs"]["eta"] = duration(since * (each.more / each.events))
        shown.append(metric)
    return shown
