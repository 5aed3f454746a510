"""Preview a change before it is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.wording import describe, guard, suites, timeline
from registry.wording.difference import Comparison
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptstage.model import Json
    from registry.wording.reads import Reads

MESSAGE = 80  # characters of a version's message
RELEASING = ("start", "promote", "rollback")
ANSWERS = ("approve", "reject")  # to what was asked for


@dataclass(frozen=True, slots=True)
class Order:
    """A command to be carried out; `body` is what the API takes."""

    op: str
    name: str
    environment: str
    body: Json


@dataclass(frozen=True, slots=True)
class Move:
    """From which version to which one a command goes; `old` is empty where nothing is in force yet."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person is shown and asked about.

    Attributes:
        facts: labels with what they say; none where there is nothing to ask, or no use in asking.
        excerpt: the first lines of the text that differs, each with its style.
        hopeless: the registry will refuse, and say why.
        data: the same for programs.
    """

    facts: Sequence[tuple[str, str]] = ()
    excerpt: Sequence[tuple[str, str]] = ()
    hopeless: bool = False
    data: Json = field(default_factory=dict)


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


def of(registry: Reads, order: Order, state: Json) -> Preview:
    """Find out what a command would change. Raises Refused or Unavailable."""
    asked = state.get("awaiting_approval")
    meant = order
    if order.op in ANSWERS and asked:
        meant = replace(order, op=asked["op"], body={**asked, "version": asked["version"]["version"]})
    elif order.op not in RELEASING or (asked and order.op != "rollback"):
        return Preview()
    goes = move(meant.op, state, meant.body.get("version"))
    if goes is None:
        return Preview()
    if order.op == "start":
        meant = replace(meant, body=meant.body | {"guard": guard.of(registry, order.environment, order.body)})
    data: Json = {"op": order.op, "prompt": order.name, "environment": order.environment}
    data |= {"from": goes.old or None, "to": goes.new}
    if asked:
        data["awaiting_approval"] = asked
    last = list(_asked(order, state)) if asked else []
    if order.op in {"reject", "rollback"}:  # what is taken back is known: nothing may delay it
        taken = _taken_back(state, goes) if order.op == "rollback" else []
        return Preview([*taken, *last], data=data)
    compared = Comparison(registry, order.name, goes.old, goes.new)
    if compared.new["document"] is None:
        return Preview()  # the registry says what is wrong with it
    override = meant.body.get("override")
    enters = not state["rollout"]  # what is under way is never held up
    standing = suites.standing(registry, order.environment, order.name, goes.new) if enters else None
    unforced = order.body.get("force") is False and bool(_requires(state, goes, compared))
    more = {"suite": standing} if standing else {}
    return Preview(
        [*facts(meant, state, goes, compared), *_suite(standing, override), *last],
        list(compared.excerpt()),
        hopeless=unforced or suites.is_refused(standing, override),
        data=data | compared.diff | {"differs": compared.differing()} | _rules(meant) | more,
    )


def facts(order: Order, state: Json, goes: Move, compared: Comparison) -> Iterator[tuple[str, str]]:
    """What a person should know before a version is put in force, or on its way."""
    yield "Versions", f"{goes.old or 'nothing yet'} → {goes.new}"
    if message := compared.new["message"]:
        yield "Message", clean(message.partition("\n")[0], MESSAGE)
    yield "Changes", compared.changes()
    yield from compared.parts()
    yield from _users(order, state, goes)
    if order.op == "start" and (judged := order.body.get("guard")):
        yield "Guard", describe.guard(judged)
    yield from (("Audience", describe.target(target)) for target in order.body.get("audience", ()))
    if needed := _requires(state, goes, compared):
        forced = "forced" if order.body.get("force") else "it takes --force"
        yield "Requires", f"{', '.join(needed)}, which {goes.old} does not; {forced}"


def _suite(standing: Json | None, override: Json | None) -> Iterator[tuple[str, str]]:
    if said := suites.said(standing, override):
        yield "Suite", said


def _taken_back(state: Json, goes: Move) -> list[tuple[str, str]]:
    rollout = state["rollout"]
    users = f"the {describe.percent(rollout):g}% who have {goes.old}" if rollout else "everyone"
    return [("Versions", f"{goes.old} → {goes.new}"), ("Users", users)]


def _asked(order: Order, state: Json) -> Iterator[tuple[str, str]]:
    _, what, actor, at, reason = describe.request(state)
    because = f": {reason}" if reason else ""
    yield ("Drops" if order.op == "rollback" else "Asked"), f"{what} by {actor} at {at}{because}"


def _users(order: Order, state: Json, goes: Move) -> Iterator[tuple[str, str]]:
    if order.op == "promote":
        rollout = state["rollout"]
        yield "Users", f"everyone; {describe.percent(rollout):g}% have it already" if rollout else "everyone"
        return
    (share, _), *coming = timeline.of_plan(
        order.body["steps"], datetime.now(UTC), guarded=bool(order.body.get("guard"))
    )
    yield "Users", f"{share} get {goes.new} at once"
    for label, (later, when) in zip(["Then", *[""] * len(coming)], coming, strict=False):
        yield label, f"{later}  {when}"


def _requires(state: Json, goes: Move, compared: Comparison) -> list[str]:
    """The variables that the registry will not let pass without force; of a rollout it has looked already."""
    return compared.needed() if goes.old and not state["rollout"] else []


def _rules(order: Order) -> Json:
    """The plan, the audience and the guard of a start, and when each share is reached."""
    if order.op != "start":
        return {}
    judged = order.body.get("guard")
    plan = timeline.of_plan(order.body["steps"], datetime.now(UTC), guarded=bool(judged))
    told = [{"share": share, "when": when} for share, when in plan]
    rules = {"steps": order.body["steps"], "plan": told, "audience": order.body["audience"]}
    return rules | ({"guard": judged} if judged else {})
