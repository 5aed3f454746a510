"""What the guard tells people besides its changes: harm that it only reports, and steps that wait. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.evidence.assessment import DATA, DATABASE, PERSON, SAMPLE, SRM, reason
from registry.notify.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from registry.evidence.assessment import Assessment, Opinion
    from registry.rollouts.state import Rollout, State

WAITS = {
    SAMPLE: "for more users",
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
    if found.opinion.harm and rollout.guard.on_harm == "notify":
        yield _harm(state, rollout, found.opinion, now, "")
    if waiting := found.waiting:
        more = f", {waiting.needs} more" if waiting.needs else ""
        text = f"{_where(state)}: the step of {rollout.percent:g} % waits {WAITS[waiting.reason]}{more}."
        identifier = f"waiting_{rollout.id}_{rollout.step}_{waiting.reason}"
        data = {**_data(state, rollout), "waiting": waiting.to_json()}
        yield Event(identifier, "guard.waiting", now, f"{text} {_look(state)}", data)


def late(state: State, rollout: Rollout, opinion: Opinion, now: datetime) -> Iterator[Event]:
    """Yield what is to be told of a rollout that is complete: harm that showed only afterwards."""
    if opinion.harm:
        yield _harm(state, rollout, opinion, now, ", which is the stable version now,")


def _harm(state: State, rollout: Rollout, opinion: Opinion, now: datetime, which: str) -> Event:
    said = f"the candidate {rollout.candidate.version}{which} does harm: {reason(opinion)}"
    return Event(
        f"harm_{rollout.id}_{'-'.join(opinion.harm)}",
        "guard.harm",
        now,
        f"{_where(state)}: {said}. {_look(state)}",
        {**_data(state, rollout), "metrics": list(opinion.harm)},
    )


def _where(state: State) -> str:
    return f"{state.prompt} in {state.environment}"


def _look(state: State) -> str:
    return f"Look closer: promptstage evidence {state.prompt} -e {state.environment}"


def _data(state: State, rollout: Rollout) -> dict[str, Any]:
    return {"environment": state.environment, "prompt": state.prompt, "rollout": rollout.id}
