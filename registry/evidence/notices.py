"""What the guard tells people besides its changes: harm that it only reports, and steps that wait. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.evidence.assessment import DATA, DATABASE, PERSON, SAMPLE, SRM, reason
from registry.notify.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from registry.evidence.assessment import Assessment
    from registry.rollouts.state import Rollout, State

WAITS = {
    SAMPLE: "for more units",
    DATA: "for reports of calls, as none came lately",
    SRM: "for a person, as its arms are not of one size: the split is not what it should be",
    DATABASE: "for the database of outcomes",
    PERSON: "for a person",
}


def notices(state: State, rollout: Rollout, found: Assessment, now: datetime) -> Iterator[Event]:
    """Yield what is to be told of a rollout; each has the same id until it is about something else.

    Harm that is answered by a change of the guard is told by that change.
    """
    if rollout.guard is None:
        return
    where = f"{state.prompt} in {state.environment}"
    look = f"Look closer: promptstage evidence {state.prompt} -e {state.environment}"
    data = {"environment": state.environment, "prompt": state.prompt, "rollout": rollout.id}
    if found.harm and rollout.guard.on_harm == "notify":
        text = f"{where}: the candidate {rollout.candidate.version} does harm: {reason(found)}. {look}"
        names = "-".join(found.harm)
        yield Event(
            f"harm_{rollout.id}_{names}", "guard.harm", now, text, {**data, "metrics": list(found.harm)}
        )
    if waiting := found.waiting:
        more = f", {waiting.needs} more" if waiting.needs else ""
        percent = f"{rollout.percent:g} %"
        text = f"{where}: the step of {percent} waits {WAITS[waiting.reason]}{more}. {look}"
        identifier = f"waiting_{rollout.id}_{rollout.step}_{waiting.reason}"
        yield Event(identifier, "guard.waiting", now, text, {**data, "waiting": waiting.to_json()})
