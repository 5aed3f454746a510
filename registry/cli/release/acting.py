"""How a command that changes something is carried out: look, show, ask, send what was seen, wait.

The registry refuses if what was seen is not so any more, so two people at once never skip a step.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import typer

from registry.cli import http, output, remedies, when
from registry.cli.http import Refused
from registry.cli.options import LATEST
from registry.cli.release import clients, describe, preview
from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.cli.http import Registry
    from registry.cli.release.preview import Order

Json = dict[str, Any]

PENDING = (
    "Redis does not answer, so the other processes were not told; they find it in the journal within a second"
)


def carry_out(order: Order, wait_seconds: float | None) -> None:
    """Carry out a command; with `wait_seconds`, wait that long until every connected client has it.

    Raises:
        RegistryError: it was refused, or cannot be done; the message says what helps.
        typer.Exit: a person said no.
    """
    registry = http.connect()
    with remedies.helping(order.name, order.environment, order.body.get("version")):
        order = _settled(registry, order)
        state = registry.get(http.rollout_path(order.environment, order.name), "stable")
        _show(registry, order, state)
        sent = time.monotonic()
        answer = _send(registry, order, state)
    made = answer["state"]
    asks = order.op in {"start", "promote"} and "awaiting_approval" in made
    output.say(describe.asked(made) if asks else describe.sentence(made, datetime.now(UTC)), "bold")
    if not answer["applied"]:
        output.note(PENDING)
    if asks:
        _hand_over(made, wait=wait_seconds is not None)
    elif wait_seconds is not None:
        _wait(registry, made, wait_seconds, sent)


def _settled(registry: Registry, order: Order) -> Order:
    """The same with a number in the place of ``latest``, so that what was shown is what is sent."""
    if order.body.get("version") != LATEST:
        return order
    found = registry.get(f"{http.prompt_path(order.name)}/versions/{quote(LATEST)}", "version")
    return replace(order, body=order.body | {"version": found["version"]})


def _show(registry: Registry, order: Order, state: Json) -> None:
    """Show what changes, and let a person at a terminal say no. Nothing, where the registry will refuse."""
    if not (facts := list(preview.shown(registry, order, state))):
        return
    output.tell(f"{order.op} {order.name} in {order.environment}", "bold")
    output.facts([("", label, text) for label, text in facts], aside=True)
    hopeless = "Requires" in dict(facts) and order.body.get("force") is False  # the registry says no, and why
    if order.ask and not hopeless and output.is_dialogue() and not output.ask("Go ahead?"):
        output.note("nothing was changed")
        raise typer.Exit(1)


def _send(registry: Registry, order: Order, state: Json) -> Json:
    path = http.rollout_path(order.environment, order.name)
    body = {**order.body, "expect": _expect(state)}
    try:
        return registry.post(
            f"{path}/actions/{order.op}", body, "state", if_match=f"{state['epoch']}.{state['seq']}"
        )
    except Refused as error:
        if error.code != "precondition_failed":
            raise
        raise Refused(
            f"somebody changed it meanwhile: {_newest(registry, path)}; look again", code=error.code
        ) from error


def _newest(registry: Registry, path: str) -> str:
    change = registry.get(f"{path}/history", "data", limit=1)["data"][0]
    return f"{describe.change(change)} at {when.show(change['at'])}"


def _expect(state: Json) -> Json:
    """What must still be so for the command to mean what its author meant."""
    asked = state.get("awaiting_approval")
    request = {"awaiting_approval": asked["id"]} if asked else {}
    if state["rollout"]:
        return {"rollout": state["rollout"]["id"]} | request
    return {"stable": state["stable"] and state["stable"]["version"]} | request


def _hand_over(state: Json, *, wait: bool) -> None:
    """Say what the other person types; who wanted to wait for a release must not take this for one."""
    output.tell(f"Next, with another token:  {describe.approval(state)}")
    if wait:
        raise RegistryError("it is not released yet, so no client was waited for; wait with the approval")


def _wait(registry: Registry, state: Json, bound: float, sent: float) -> None:
    try:
        output.say(clients.wait(registry, state, bound, sent))
    except KeyboardInterrupt as error:
        raise RegistryError("not waited for any longer; the change itself is made") from error
