"""What a notification says. Pure: a change, a budget, an alert or a tag in, an event out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.journal.change import ASKING, ATTEST
from registry.policies.events import EVENTS
from registry.system import figures, timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.journal.change import Change
    from registry.outcomes.alerts import Finding
    from registry.outcomes.budgets import Standing
    from registry.outcomes.store.queue import Waiting
    from registry.policies.spending import Alert
    from registry.suites.attestation import Attestation

MAX_REASON = 300  # characters of a reason in a message; the history has all of it
MAX_CASES = 5  # in a message; the attestation has all of them
SHOWN_DIGEST = 19  # characters: its kind, and twelve digits
GUARD = "guard"  # the actor whose changes are events of their own
TO_THE_MINUTE = "%Y-%m-%d %H:%M"


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


def all_of(change: Change, commit: str) -> Iterator[Event]:
    """Yield the events of a change: of what it did, and of suites."""
    yield from filter(None, (of_change(change, commit), _of_suite(change, commit)))


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


def _of_suite(change: Change, commit: str) -> Event | None:
    """Return the event of an attestation, or of what went past a suite; None: it is neither."""
    attested, state = change.attestation, change.state
    if attested and change.op == ATTEST:
        kind = f"suite.{attested.result}"
        text = _result(attested)
        data = {**change.to_json(commit), "attestation": attested.to_json()}
    elif state and change.override and not change.op.startswith(ASKING):
        kind = "suite.override"
        where = f"{state.prompt} in {state.environment}"
        text = f"{where}: {change.op} {_end(change.after)} past its suite, by {change.actor}{_past(change)}"
        data = {"environment": state.environment, **change.to_json(commit)}
    else:
        return None
    return Event(f"suite_{change.epoch}_{change.seq}", kind, change.at, text, data)


def _result(attested: Attestation) -> str:
    against = f" against {attested.against}" if attested.against else ""
    passed = f"{attested.passed} of {attested.cases} cases passed"
    more = len(attested.regressed) - MAX_CASES
    named = ", ".join(attested.regressed[:MAX_CASES]) + (f" and {more} more" if more > 0 else "")
    regressed = f"; regressed: {named}" if named else ""
    what = f"{attested.prompt} ({attested.digest[:SHOWN_DIGEST]}): its suite {attested.result}{against}"
    return f"{what}, {passed}{regressed}, attested by {attested.by}"


def _past(change: Change) -> str:
    return f": {change.override['suite'][:MAX_REASON]}" if change.override else ""


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
    past = f", past its suite{_past(change)}" if change.override else ""
    return (
        f"{where}: {change.actor} asks to {op} {asked.version.version}{reason}{past}. Another token approves "
        f"it: promptstage approve {change.state.prompt} -e {change.state.environment}"
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
        said = f"{spent.unpriced} of {spent.calls} calls have no known cost, so the sum is too small"
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
    value, most = (figures.metric(alert.metric, each) for each in (finding.value, finding.limit))
    seen = f"{alert.metric} over {alert.over} is {value}, of {finding.count} calls"
    limit = f"the limit is {most}"
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


def of_tag(name: str, version: str, problem: str, at: datetime) -> Event:
    """Return the event of a version that cannot be served."""
    text = f"{name}@{version} cannot be served: {problem}. Correct the file, and tag a new version"
    data = {"prompt": name, "version": version, "problem": problem}
    return Event(f"tag_{name}_{version.replace('.', '-')}", "tag.invalid", at, text, data)


def of_review(waiting: Waiting, at: datetime) -> Event:
    """Return the event of calls that wait for people, of which there is one a day for each environment."""
    since = datetime.fromtimestamp(waiting.since / 1000, UTC)
    calls = "1 call waits" if waiting.calls == 1 else f"{waiting.calls} calls wait"
    text = (
        f"{calls} for review in {waiting.environment}, the oldest since {since:{TO_THE_MINUTE}} UTC: "
        f"promptstage review -e {waiting.environment}"
    )
    data = {"environment": waiting.environment, "calls": waiting.calls, "since": timestamps.rfc3339(since)}
    return Event(f"review_{waiting.environment}_{at:%Y%m%d}", "review.waiting", at, text, data)
