"""What a notification says. Pure: a change, a budget, an alert or a tag in, an event out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.journal.change import ASKING
from registry.policies.events import EVENTS

if TYPE_CHECKING:
    from datetime import datetime

    from registry.journal.change import Change
    from registry.outcomes.alerts import Finding
    from registry.outcomes.budgets import Standing
    from registry.policies.spending import Alert

MAX_REASON = 300  # characters of a reason in a message; the history has all of it
GUARD = "guard"  # the actor whose changes are events of their own
TO_THE_MINUTE = "%Y-%m-%d %H:%M"
UNITS = {"p95_ms": "ms", "ttft_p95_ms": "ms", "error_rate": "%", "cost_per_call": "$", "down_rate": "%"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell.

    Attributes:
        id: unique, the same whoever notices it and however often it is sent; without a full stop.
        kind: one of `registry.policies.events.EVENTS`.
        at: when it happened.
        text: a sentence for people.
        data: the same for programs.
    """

    id: str
    kind: str
    at: datetime
    text: str
    data: dict[str, Any]


def of_change(change: Change, commit: str) -> Event | None:
    """Return the event of a change; None: nobody is told of it."""
    kind, state = _kind(change), change.state
    if kind is None or state is None:
        return None
    ends = f"{_end(change.before)} → {_end(change.after)}"
    reason = f": {change.reason[:MAX_REASON]}" if change.reason else ""
    text = f"{state.prompt} in {state.environment}: {change.op} {ends}, by {change.actor}{reason}"
    data = {"environment": state.environment, **change.to_json(commit)}
    return Event(f"change_{change.epoch}_{change.seq}", kind, change.at, _waiting(change) or text, data)


def _kind(change: Change) -> str | None:
    if change.op.startswith(ASKING):
        return "approval.waiting"
    group = GUARD if change.actor == GUARD else "rollout"
    if change.op in {"approve", "reject"}:
        group = "approval"
    kind = f"{group}.{change.op}"
    return kind if kind in EVENTS else None


def _waiting(change: Change) -> str | None:
    """Return the sentence of a request that waits for another token."""
    asked = change.state and change.state.awaiting_approval
    if not (change.op.startswith(ASKING) and change.state and asked):
        return None
    op, where = change.op.removeprefix(ASKING), f"{change.state.prompt} in {change.state.environment}"
    reason = f": {change.reason[:MAX_REASON]}" if change.reason else ""
    return (
        f"{where}: {change.actor} asks to {op} {asked.version.version}{reason}. Another token approves it: "
        f"promptstage approve {change.state.prompt} -e {change.state.environment}"
    )


def _end(end: str | float | None) -> str:
    """Return a version, or a step's share of users."""
    return "-" if end is None else f"{end:g} %" if isinstance(end, int | float) else end


def of_budget(standing: Standing, identity: str, news: str, at: datetime) -> Event:
    """Return the event of a share that was reached, or of calls without a price."""
    budget, spent = standing.budget, standing.spent
    names = (budget.prompt, budget.route, budget.segment, budget.model)
    of = ", ".join(name for name in names if name) or "all calls"
    ends = standing.end.strftime(TO_THE_MINUTE)
    if news == "unpriced":
        kind = "budget.unpriced"
        said = f"{spent.unpriced} of {spent.calls} calls have no known price, so the sum is too small"
    else:
        kind = "budget.reached"
        said = f"{float(news):.0%} of ${budget.usd} a {budget.period} is spent: ${standing.usd:.2f}"
    text = f"{of} in {budget.environment}: {said}. The {budget.period} ends {ends} UTC: promptstage budget"
    identifier = f"budget_{identity}_{standing.start:%Y%m%d}_{news.replace('.', '-')}"
    return Event(identifier, kind, at, text, standing.to_json())


def of_alert(alert: Alert, identity: str, finding: Finding, at: datetime, since: datetime | None) -> Event:
    """Return the event of an alert that fires; `since`: of one that did since then, and is resolved."""
    where = f"{alert.prompt or 'all prompts'} in {alert.environment}"
    command = f"promptstage usage {alert.prompt or ''} -e {alert.environment} --since {alert.over}"
    seen = f"{alert.metric} over {alert.over} is {_shown(alert, finding.value)}, of {finding.count} calls"
    limit = f"the limit is {_shown(alert, finding.limit)}"
    kind = "alert.resolved" if since else "alert.firing"
    told = (
        f"{seen}; {limit}" if finding.state != "few" else f"fewer than {alert.minimum} calls in {alert.over}"
    )
    text = f"{where}: {'resolved, ' if since else ''}{told}. Look closer: {' '.join(command.split())}"
    data = {
        "environment": alert.environment,
        "prompt": alert.prompt,
        "metric": alert.metric,
        "over": alert.over,
        "value": finding.value,
        "limit": finding.limit,
        "count": finding.count,
    }
    moment = int((since or at).timestamp())
    return Event(f"{kind.replace('.', '_')}_{identity}_{moment}", kind, at, text, data)


def _shown(alert: Alert, value: float | None) -> str:
    if value is None:
        return "unknown"
    unit = UNITS[alert.metric]
    return {"ms": f"{value:.0f} ms", "%": f"{value:.1%}", "$": f"${value:.4f}"}[unit]


def of_tag(name: str, version: str, problem: str, at: datetime) -> Event:
    """Return the event of a version that cannot be served."""
    text = f"{name}@{version} cannot be served: {problem}. Correct the file, and tag a new version"
    data = {"prompt": name, "version": version, "problem": problem}
    return Event(f"tag_{name}_{version.replace('.', '-')}", "tag.invalid", at, text, data)
