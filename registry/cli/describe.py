"""What is in force, in words: a state of the API as people read it. Pure, but for the clock it is given."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.cli.output import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

NONE = "-"
BAR = 10  # characters of a bar: one for ten percent
UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
SHOWN_UNITS = 2  # of a time: `2d 3h` says enough

COLUMNS = ("prompt", "stable", "candidate", "share", "step", "next")


def row(state: Json, now: datetime) -> list[str]:
    """One line of ``status``: the cells under `COLUMNS`."""
    rollout = state["rollout"]
    cells = [clean(state["prompt"]), _version(state["stable"])]
    if rollout is None:
        return [*cells, NONE, NONE, NONE, NONE]
    cells += [_version(rollout["candidate"]), bar(percent(rollout))]
    return [*cells, _position(rollout), following(rollout, now)]


def sentence(state: Json, now: datetime) -> str:
    """What is in force, in a line."""
    rollout, stable = state["rollout"], _version(state["stable"])
    place = f"{clean(state['prompt'])} in {clean(state['environment'])}"
    if rollout is None:
        return f"{place}: {stable} for everyone" if state["stable"] else f"{place}: nothing yet"
    share = f"{_version(rollout['candidate'])} for {percent(rollout):g}%, {stable} for the rest"
    return f"{place}: {share} (step {_position(rollout)}, {following(rollout, now)})"


def details(state: Json) -> Iterator[str]:
    """What ``status NAME`` adds: the plan, the audience, and where a rollback goes."""
    rollout = state["rollout"]
    if rollout:
        yield f"Rollout:   {clean(rollout['id'])}"
        yield f"Plan:      {_plan(rollout)}"
        yield from (f"Audience:  {_target(target)}" for target in rollout["audience"])
    yield f"Rollback:  {_rollback(state)}"


def percent(rollout: Json) -> float:
    """The share of users at the present step."""
    return float(rollout["steps"][rollout["step"]]["percent"])


def bar(share: float) -> str:
    """Draw a share of users, with the number behind it; the least share shows."""
    full = min(BAR, -int(-share * BAR // 100))
    return f"{'█' * full}{'░' * (BAR - full)} {share:g}%"


def following(rollout: Json, now: datetime) -> str:
    """When the rollout goes on, and what that takes."""
    if rollout["state"] == "paused":
        left = rollout.get("remaining")
        return "paused" if left is None else f"paused with {duration(left)} left"
    if rollout["advances_at"] is None:
        return "waits for you"
    left = (datetime.fromisoformat(rollout["advances_at"]) - now).total_seconds()
    return f"advances in {duration(left)}" if left > 0 else "advances now"


def duration(seconds: float) -> str:
    """Write a time as people do: ``2d 3h``."""
    left, parts = max(1, round(seconds)), []
    for size, unit in UNITS:
        count, left = divmod(left, size)
        parts.append(f"{count}{unit}" if count else "")
    first = next(i for i, part in enumerate(parts) if part)
    return " ".join(part for part in parts[first : first + SHOWN_UNITS] if part)


def _version(ref: Json | None) -> str:
    return clean(ref["version"]) if ref else NONE


def _position(rollout: Json) -> str:
    return f"{rollout['step'] + 1}/{len(rollout['steps'])}"


def _plan(rollout: Json) -> str:
    steps = [_step(step) for step in rollout["steps"]]
    steps[rollout["step"]] = f"[{steps[rollout['step']]}]"
    return " → ".join(steps)


def _step(step: Json) -> str:
    return f"{step['percent']:g}%" + (f" {clean(step['hold'])}" if "hold" in step else "")


def _target(target: Json) -> str:
    conditions = (f"{clean(c['attribute'])} is {' or '.join(map(clean, c['in']))}" for c in target["when"])
    return " and ".join(conditions)


def _rollback(state: Json) -> str:
    if state["rollout"]:
        return f"ends the rollout; {_version(state['stable'])} stays"
    return f"goes back to {_version(state['previous'])}" if state["previous"] else "has nothing to undo"
