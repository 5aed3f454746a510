"""What a command is about to change, shown before it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.cli import http
from registry.cli.output import clean
from registry.cli.release import describe, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.cli.http import Registry

Json = dict[str, Any]

HEADING = 2  # lines of a unified diff before the first change
MESSAGE = 80  # characters of a version's message
RELEASING = ("start", "promote", "rollback")
ANSWERS = ("approve", "reject")  # to what somebody asked for


@dataclass(frozen=True, slots=True)
class Order:
    """A command to be carried out; `body` is what the API takes, `ask` whether a person is asked first."""

    op: str
    name: str
    environment: str
    body: Json
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """From which version to which one a command goes; `old` is empty where nothing is in force yet."""

    old: str
    new: str


def move(op: str, state: Json, version: str | None) -> Move | None:
    """Where a command goes from a state; None if nowhere, or if the registry will say why it cannot."""
    stable = state["stable"] and state["stable"]["version"]
    previous = state["previous"] and state["previous"]["version"]
    candidate = state["rollout"] and state["rollout"]["candidate"]["version"]
    ends: tuple[str | None, str | None] = (None, None)
    if op == "rollback":
        ends = (candidate, stable) if candidate else (stable, previous)
    elif op == "promote" and candidate:
        ends = (stable, candidate if version in {None, candidate} else None)
    elif op == "promote" or (op == "start" and stable and not candidate):
        ends = (stable, version)
    old, new = ends
    return Move(old or "", new) if new and new != old else None


def shown(registry: Registry, order: Order, state: Json) -> Iterator[tuple[str, str]]:
    """What a person is shown and asked about; nothing, where there is nothing to ask, or no use in asking."""
    asked = state.get("awaiting_approval")
    meant = order
    if order.op in ANSWERS and asked:
        meant = replace(order, op=asked["op"], body={**asked, "version": asked["version"]["version"]})
    elif order.op not in RELEASING or (asked and order.op != "rollback"):
        return
    goes = move(meant.op, state, meant.body.get("version"))
    if goes is None:
        return
    if order.op != "reject":
        yield from facts(registry, meant, state, goes)
    if asked:
        _, what, actor, at, reason = describe.request(state)
        because = f": {reason}" if reason else ""
        yield ("Drops" if order.op == "rollback" else "Asked"), f"{what} by {actor} at {at}{because}"


def facts(registry: Registry, order: Order, state: Json, goes: Move) -> Iterator[tuple[str, str]]:
    """What a person should know before a command is carried out; of a version that is invalid, nothing."""
    versions = ("Versions", f"{goes.old or 'nothing yet'} → {goes.new}")
    if order.op == "rollback":  # what it takes back is known, and nothing that is asked for may delay it
        yield from (versions, *_users(order.op, state, goes))
        return
    new = _version(registry, state["prompt"], goes.new)
    if new["document"] is None:
        return
    yield versions
    if new["message"]:
        yield "Message", clean(new["message"].partition("\n")[0], MESSAGE)
    if goes.old:
        yield "Changes", _changes(registry, state["prompt"], goes)
    yield from _users(order.op, state, goes, order.body.get("steps", ()))
    yield from (("Audience", describe.target(target)) for target in order.body.get("audience", ()))
    if goes.old and not state["rollout"]:
        needed = _needed(_version(registry, state["prompt"], goes.old), new)
        forced = "forced" if order.body.get("force") else "it takes --force"
        if needed:
            yield "Requires", f"{', '.join(needed)}, which {goes.old} does not; {forced}"


def _version(registry: Registry, name: str, version: str) -> Json:
    return registry.get(f"{http.prompt_path(name)}/versions/{quote(version)}", "document")


def _changes(registry: Registry, name: str, goes: Move) -> str:
    found = registry.get(http.diff_path(name, goes.old, goes.new), "unified")
    lines = found["unified"].splitlines()[HEADING:]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    parts = ", ".join(map(clean, found["changed"])) or "nothing that is served"
    return f"{parts} (+{added} -{removed} lines: promptstage diff {name} {goes.old} {goes.new})"


def _users(op: str, state: Json, goes: Move, steps: Sequence[Json] = ()) -> Iterator[tuple[str, str]]:
    present = describe.percent(state["rollout"]) if state["rollout"] else 0.0
    if op == "start":
        plan = list(timeline.of_plan(steps, datetime.now(UTC)))
        yield "Users", f"{plan[0][0]} get {goes.new} at once"
        for label, (share, at) in zip(["Then", *[""] * len(plan)], plan[1:], strict=False):
            yield label, f"{share}  {at}"
    elif op == "rollback":
        yield "Users", f"the {present:g}% who have {goes.old}" if state["rollout"] else "everyone"
    else:
        yield "Users", f"everyone; {present:g}% have it already" if state["rollout"] else "everyone"


def _needed(old: Json, new: Json) -> list[str]:
    """The variables that apps must pass for one version, and need not for the other."""
    before, after = (
        [v["name"] for v in (version["document"] or {"variables": []})["variables"] if v["required"]]
        for version in (old, new)
    )
    return [clean(name) for name in after if name not in before]
