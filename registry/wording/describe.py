"""Describe a state of the API in words. Pure: the clock is given."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.wording import times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

NONE = "-"
WIDEST = 10_000  # characters of one line of a prompt; nothing longer is read
BAR = 10  # characters of a bar: one for ten percent

COLUMNS = ("prompt", "stable", "candidate", "share", "step", "next", "clients")
JUDGED = "evidence"  # a column more, where the registry says anything of it
REQUEST_COLUMNS = ("prompt", "awaits approval", "asked by", "at", "reason")


def row(state: Json, clients: Json | None, now: datetime) -> list[str]:
    """One line of ``status``: the cells under `COLUMNS`; `clients` are those that follow the prompt."""
    rollout = state["rollout"]
    cells = [clean(state["prompt"]), version(state["stable"])]
    asked = state.get("awaiting_approval")
    if rollout is None:
        return [*cells, NONE, NONE, NONE, "approval" if asked else NONE, reached(clients)]
    cells += [version(rollout["candidate"]), bar(percent(rollout)), position(rollout)]
    coming = following(rollout, now).removeprefix("advances ")
    return [*cells, f"{coming}, or approval" if asked else coming, reached(clients)]


def terse(cells: list[str]) -> list[str]:
    """The same line of ``status`` for a narrow terminal: no bar, and of a pause no time."""
    prompt, stable, candidate, share, step, coming, clients = cells
    return [prompt, stable, candidate, share.rpartition(" ")[2], step, coming.partition(",")[0], clients]


def evidence(state: Json) -> str:
    """Describe the evidence of a rollout, in a cell; an older registry has none."""
    found = state.get("evidence")
    if not found:
        return NONE
    if found["verdict"] == "off":
        return _unguarded(found)
    waits = found.get("waiting") or {}
    if waits.get("for") not in {None, "sample"}:
        return f"waits: {clean(waits['for'])}"
    if found["verdict"] == "collecting":
        return f"collecting {found['units']}/{found['minimum']}"
    return clean(found["verdict"])


def _unguarded(found: Json) -> str:
    """Describe the harm that a rollout without a guard shows."""
    harmful = [clean(metric["name"]) for metric in found["metrics"] if metric["e"] >= metric["threshold"]]
    return f"harm in {', '.join(harmful)}, and no guard acts on it" if harmful else NONE


def request(state: Json) -> list[str]:
    """What awaits approval in a state: the cells under `REQUEST_COLUMNS`."""
    asked = state["awaiting_approval"]
    old = f"{version(state['stable'])} → " if state["stable"] else ""
    goes = f"{clean(asked['op'])} {old}{version(asked['version'])}"
    who = [clean(asked["asked_by"]), times.show(asked["asked_at"])]
    return [clean(state["prompt"]), goes, *who, clean(asked["reason"])]


def reached(clients: Json | None) -> str:
    """How many of the connected clients have what is in force."""
    return f"{clients['current']}/{clients['connected']}" if clients else NONE


def role(of: str, state: Json) -> str:
    """What a version is in a state."""
    rollout = state["rollout"]
    roles = {version(state["previous"]): "previous", version(state["stable"]): "stable"}
    if asked := state.get("awaiting_approval"):
        roles[version(asked["version"])] = "awaits approval"
    if rollout:
        roles[version(rollout["candidate"])] = f"candidate, {percent(rollout):g}%"
    return roles.get(of, NONE)


def sentence(state: Json, now: datetime) -> str:
    """What is in force, in a line."""
    rollout, stable = state["rollout"], version(state["stable"])
    place = f"{clean(state['prompt'])} in {clean(state['environment'])}"
    if rollout is None:
        return f"{place}: {stable} for everyone" if state["stable"] else f"{place}: nothing yet"
    share = f"{version(rollout['candidate'])} for {percent(rollout):g}%, {stable} for the rest"
    return f"{place}: {share} (step {position(rollout)}, {following(rollout, now)})"


def asked(state: Json) -> str:
    """What was asked for just now, in a line."""
    place = f"{clean(state['prompt'])} in {clean(state['environment'])}"
    return f"{place}: {request(state)[1]} asked; it awaits approval"


def problem(found: Json) -> str:
    """What is wrong with a version, and where in its file."""
    message = clean(found["message"], WIDEST)
    if found["line"] is None and message.startswith(found["path"]):
        return message
    place = [found["path"], found["line"], found["column"], ""]
    return f"{':'.join(clean(part) for part in place if part is not None)} {message}"


def change(record: Json) -> str:
    """What somebody changed, and why."""
    reason = f" ({clean(record['reason'])})" if record["reason"] else ""
    what = f"{clean(record['op'])} {end(record['from'])} → {end(record['to'])}"
    return f"{what} by {clean(record['actor'])}{reason}"


def changes_what_is_served(record: Json) -> bool:
    """Whether it is more than a request, the end of one, or a constant of a guard."""
    return record["op"] not in {"reject", "calibrate"} and not record["op"].startswith("ask.")


def end(reached: str | float | None) -> str:
    """Where a change went from or to: a version, or a step's percent."""
    if reached is None:
        return NONE
    return clean(reached) if isinstance(reached, str) and naming.is_version(reached) else f"{clean(reached)}%"


def details(state: Json) -> Iterator[str]:
    """What ``status NAME`` adds: the audience, and where a rollback goes."""
    rollout = state["rollout"]
    if rollout:
        yield f"Rollout:   {clean(rollout['id'])}"
        if rollout.get("guard"):
            yield f"Guard:     {guarded(rollout)}"
        yield from (f"Audience:  {target(wanted)}" for wanted in rollout["audience"])
    yield f"Rollback:  {_rollback(state)}"
    if state.get("awaiting_approval"):
        yield f"Approve:   {approval(state)}"


def approval(state: Json) -> str:
    """The command that approves what is asked for."""
    return f"promptstage approve {clean(state['prompt'])} -e {clean(state['environment'])}"


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
        return "paused" if left is None else f"paused, {times.duration(left)} left"
    if rollout["advances_at"] is None:
        return "waits for you"
    left = (datetime.fromisoformat(rollout["advances_at"]) - now).total_seconds()
    if rollout.get("guard"):
        return f"judged in {times.duration(left)}" if left > 0 else "waits for evidence"
    return f"advances in {times.duration(left)}" if left > 0 else "advances now"


def version(ref: Json | None) -> str:
    """The version that a state names."""
    return clean(ref["version"]) if ref else NONE


def position(rollout: Json) -> str:
    """The present step, counted from 1, of how many."""
    return f"{rollout['step'] + 1}/{len(rollout['steps'])}"


def target(wanted: Json) -> str:
    """Who is in an audience."""
    conditions = (f"{clean(c['attribute'])} is {' or '.join(map(clean, c['in']))}" for c in wanted["when"])
    return " and ".join(conditions)


HARM = {
    "rollback": "harm rolls it back",
    "pause": "harm pauses it",
    "notify": "harm is only said, and holds its steps",
}


def guard(judged: Json) -> str:
    """What a guard does, in a line."""
    metrics = ", ".join(map(clean, judged["metrics"]))
    units = f"{judged['minimum']} users of each version"
    return f"{metrics}; {HARM[judged['on_harm']]}, and a timed step goes on by itself after {units}"


def guarded(rollout: Json) -> str:
    """What a guard does with a rollout under way, and what people accepted."""
    judged = rollout["guard"]
    accepted = ", ".join(map(clean, judged.get("acknowledged", ())))
    return guard(judged) + (f"; harm in {accepted} is accepted" if accepted else "")


def _rollback(state: Json) -> str:
    if state["rollout"]:
        return f"ends the rollout; {version(state['stable'])} stays"
    return f"goes back to {version(state['previous'])}" if state["previous"] else "has nothing to undo"
