"""What the guard writes into the record of a change: enough to compute its verdict again, within 4 KiB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.evidence.verdicts import e_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.evidence.assessment import Assessment
    from registry.evidence.verdicts import Counts, Judged
    from registry.rollouts.guard import Guard

TOKENS = 20  # that are named; more say nothing more


def record(rollout: str, found: Assessment, guard: Guard, tokens: Mapping[str, int]) -> dict[str, Any]:
    """Return the evidence of a change.

    Args:
        rollout: its id.
        found: what speaks for it; only the metrics that do harm are written.
        guard: by which it was judged.
        tokens: calls by the id of the token that sent them.
    """
    most = sorted(tokens.items(), key=lambda item: -item[1])[:TOKENS]
    return {
        "rollout": rollout,
        "alpha": guard.alpha,
        "metrics": len(guard.metrics),
        "harm": [_metric(each, guard) for each in found.judged if each.metric.name in found.harm],
        "tokens": dict(most),
    }


def _metric(each: Judged, guard: Guard) -> dict[str, Any]:
    name = each.metric.name
    constant = guard.constants.get(name)
    return {
        "name": name,
        "tolerance": each.metric.tolerance,
        "e": e_value(each.log_e),
        "log_e": each.log_e,
        "steps": [
            [step.percent, _counts(each, step.canary), _counts(each, step.control)] for step in each.steps
        ],
    } | ({"constant": constant.value} if constant else {})


def _counts(each: Judged, counts: Counts) -> list[int]:
    if each.metric.is_mean:
        return [counts.sums.n, counts.sums.total, counts.sums.squares]
    return [counts.units, counts.bad]
