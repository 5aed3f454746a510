"""Execute a changing command: read, preview, ask, send what was seen, wait.

The registry refuses if what was seen is not so any more, so two people at once never skip a step.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from registry.catalog.naming import LATEST
from registry.cli import hints, http, output
from registry.cli.release import clients, needed
from registry.errors import Conflict, RegistryError
from registry.wording import describe, latest, paths, preview, times
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json
    from registry.cli.http import Registry
    from registry.cli.release.change_options import ChangeOptions
    from registry.wording.preview import Order, Preview

PENDING = (
    "Redis does not answer, so the other processes were not told; they find it in the journal within a second"
)


def execute(op: str, name: str, body: Json, options: ChangeOptions) -> None:
    """Carry out a command, as its options say.

    Raises:
        RegistryError: it was refused, or cannot be done; the message says what helps.
        typer.Exit: a person said no.
    """
    order = preview.Order(op, name, options.environment, {**body, "reason": options.reason})
    registry = http.connect()
    with hints.helping(name, order.environment, body.get("version")):
        order = _settled(registry, order, options)
        state = _state(registry, order)
        sent = time.monotonic()
        if options.if_needed and needed.is_so_already(order, state):
            answer = _nothing_done(state)
        else:
            seen = preview.of(registry, order, state)
            _show(order, seen, options)
            if options.dry_run:
                return _tell_dry(state, seen, options)
            _ask(seen, options)
            sent = time.monotonic()
            answer = _send(registry, order, state, options)
            answer |= {"preview": seen.data} if order.op == "approve" and seen.data else {}
    with _failing_with(answer):
        _tell(registry, order, answer, options, sent)
    return None


def _state(registry: Registry, order: Order) -> Json:
    return registry.get(paths.rollout_path(order.environment, order.name), "stable")


def _settled(registry: Registry, order: Order, options: ChangeOptions) -> Order:
    """The same with a number in the place of ``latest``, so that what was shown is what is sent.

    Where ``latest`` passes over a newer version that is invalid, a person must have seen that.
    """
    if order.body.get("version") != LATEST:
        return order
    found = latest.find(registry, order.name)
    if found.warning:
        if not (options.yes or options.dry_run or output.is_dialogue()):
            sentence = f"{found.warning}\nName the version that you mean, or repeat it with -y"
            raise Conflict(sentence, code="latest_is_invalid")
        output.note(found.warning)
    return replace(order, body=order.body | {"version": found.version})


def _nothing_done(state: Json) -> Json:
    """The answer to a command that had nothing to do, in the form of one that had."""
    return {
        "epoch": state["epoch"],
        "seq": state["seq"],
        "commit": None,
        "applied": True,
        "state": state,
        "changed": False,
    }


def _show(order: Order, seen: Preview, options: ChangeOptions) -> None:
    """Show a person what changes; a program that reads JSON has no use for it, but the one beside it may."""
    if not seen.facts or (options.as_json and not output.is_dialogue()):
        return
    output.tell(f"{order.op} {order.name} in {order.environment}", "bold")
    for line, style in seen.excerpt:
        output.tell(f"  {line}", style)
    output.facts([("", label, text) for label, text in seen.facts], aside=True)


def _ask(seen: Preview, options: ChangeOptions) -> None:
    """Let a person at a terminal say no. Nothing is asked where the registry will refuse, and say why."""
    asks = seen.facts and not seen.hopeless and not options.yes and output.is_dialogue()
    if asks and not output.ask("Go ahead?"):
        output.note("nothing was changed")
        raise typer.Exit(1)


def _tell_dry(state: Json, seen: Preview, options: ChangeOptions) -> None:
    if options.as_json:
        output.dump(seen.data | {"state": state})
    else:
        output.say(describe.sentence(state, datetime.now(UTC)), "bold")
        output.note("nothing was changed: this was --dry-run")


def _send(registry: Registry, order: Order, state: Json, options: ChangeOptions) -> Json:
    path = paths.rollout_path(order.environment, order.name)
    body = {**order.body, "expect": _expect(state)}
    try:
        return registry.post(
            f"{path}/actions/{order.op}", body, "state", if_match=f"{state['epoch']}.{state['seq']}"
        )
    except Refused as error:
        if options.if_needed and needed.is_so_already(order, present := _state(registry, order)):
            return _nothing_done(present)  # another did it meanwhile
        if error.code != "precondition_failed":
            raise
        sentence = f"somebody changed it meanwhile: {_newest(registry, path)}; look again"
        raise error.saying(sentence) from error


def _newest(registry: Registry, path: str) -> str:
    change = registry.get(f"{path}/history", "data", limit=1)["data"][0]
    return f"{describe.change(change)} at {times.show(change['at'])}"


def _expect(state: Json) -> Json:
    """Return the state that must still hold for the command to mean what its author meant."""
    asked = state.get("awaiting_approval")
    request = {"awaiting_approval": asked["id"]} if asked else {}
    if state["rollout"]:
        return {"rollout": state["rollout"]["id"]} | request
    return {"stable": state["stable"] and state["stable"]["version"]} | request


@contextmanager
def _failing_with(answer: Json) -> Iterator[None]:
    """Let a failure after the change carry the answer: for a program the change is made all the same."""
    try:
        yield
    except RegistryError as error:
        error.extra = answer | error.extra
        raise


def _tell(registry: Registry, order: Order, answer: Json, options: ChangeOptions, sent: float) -> None:
    """Say what is so now, in a line or as JSON, and wait for the clients if that is wanted."""
    made = answer["state"]
    asks = needed.is_asked(order, made)
    if not options.as_json:
        output.say(describe.asked(made) if asks else describe.sentence(made, datetime.now(UTC)), "bold")
    if answer.get("changed") is False:
        output.note("nothing was changed: it is as requested already")
    if not answer["applied"]:
        output.note(PENDING)
    bound = options.wait_bound
    if asks:
        _hand_over(made, wait=bound is not None)
    elif bound is not None:
        _wait(registry, made, bound, sent, aside=options.as_json)
    if options.as_json:
        output.dump(answer)


def _hand_over(state: Json, *, wait: bool) -> None:
    """Say what the other person types; a wait for a release must not take this for one."""
    output.tell(f"Next, with another token:  {describe.approval(state)}")
    if wait:
        raise Conflict(
            "it is not released yet, so no client was waited for; wait with the approval",
            code="awaiting_approval",
        )


def _wait(registry: Registry, state: Json, bound: float, sent: float, *, aside: bool) -> None:
    try:
        (output.tell if aside else output.say)(clients.wait(registry, state, bound, sent))
    except KeyboardInterrupt as error:
        raise RegistryError("stopped waiting; the change itself is made", code="interrupted") from error
