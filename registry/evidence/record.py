"""What stands in the record of a change made on evidence: enough to compute its verdict again, in 4 KiB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.evidence.verdicts import e_value, totals
from registry.rollouts.guard import MAX_EVIDENCE, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.evidence.assessment import Opinion
    from registry.evidence.verdicts import Counts, Judged
    from registry.rollouts.guard import Guard

TOKENS = 20  # that are named; more say nothing more


def record(rollout: str, opinion: Opinion, guard: Guard, tokens: Mapping[str, int]) -> dict[str, Any]:
    """Return the evidence of a change: of harm the metrics that do it, of an advance all metrics.

    Args:
        rollout: its id.
        opinion: what speaks for the change.
        guard: by which it was judged.
        tokens: calls by the id of the token that sent them.
    """
    most = sorted(tokens.items(), key=lambda item: -item[1])[:TOKENS]
    base = {"rollout": rollout, "alpha": guard.alpha, "metrics": len(guard.metrics), "tokens": dict(most)}
    key, judged = ("harm", _harm(opinion)) if opinion.harm else ("judged", opinion.judged)
    return next(
        found for shown in _shorter(judged, guard) if size(found := base | {key: shown}) <= MAX_EVIDENCE
    )


def _harm(opinion: Opinion) -> tuple[Judged, ...]:
    return tuple(each for each in opinion.judged if each.metric.name in opinion.harm)


def _shorter(judged: Sequence[Judged], guard: Guard) -> Iterator[list[dict[str, Any]]]:
    """Yield the metrics by step, then all steps together, then ever fewer, those that say least left out."""
    yield [_metric(each, guard) | {"steps": _steps(each)} for each in judged]
    order = sorted(judged, key=lambda each: -each.log_e)
    for many in range(len(order), -1, -1):
        yield [_metric(each, guard) | {"totals": _totals(each)} for each in order[:many]]


def _metric(each: Judged, guard: Guard) -> dict[str, Any]:
    name = each.metric.name
    constant = guard.constants.get(name)
    return {
        "name": name,
        "tolerance": each.metric.tolerance,
        "e": e_value(each.log_e),
        "log_e": each.log_e,
    } | ({"constant": constant.value} if constant else {})


def _steps(each: Judged) -> list[Any]:
    return [[step.percent, _counts(each, step.canary), _counts(each, step.control)] for step in each.steps]


def _totals(each: Judged) -> list[list[int]]:
    return [_counts(each, arm) for arm in totals(each.steps)]


def _counts(each: Judged, counts: Counts) -> list[int]:
    if each.metric.is_mean:
        return [counts.sums.n, counts.sums.total, counts.sums.squares]
    return [counts.units, counts.bad]
