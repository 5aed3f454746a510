"""The commands that change what is in force, from ``start`` to ``rollback``.

Each reads the state first, and the registry refuses if that is not the state any more.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from registry.cli import describe, http, output, rules
from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    Environment,
    Force,
    MaybeVersion,
    Name,
    Reason,
    Version,
)

Json = dict[str, Any]

PENDING = "it is recorded, but Redis does not have it yet; it will be applied when Redis is back"


def start(  # noqa: PLR0913 - one parameter an option
    name: Name,
    version: Version,
    *,
    plan: Annotated[
        Literal["careful", "standard", "fast"] | None,
        typer.Option(help="Steps that are known to be good; standard is the default."),
    ] = None,
    steps: Annotated[str | None, typer.Option(help="Steps of your own: percent, or percent:hold.")] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="Who gets it in any case; once or more often, any is enough.")
    ] = None,
    force: Force = False,
    environment: Environment = "production",
    reason: Reason = "",
) -> None:
    """Begin a rollout of a version to some users, step by step.

    Plans: careful is 1, 5, 10, 25, 50, 100 percent in 7 days; standard is 5, 25, 50, 100 in 60 hours;
    fast is 10, 50, 100 in 12 hours. A step with a time to hold (30s, 10m, 4h, 2d) advances by itself.

    \b
    Example:  promptstage start summarize 1.3.0 --plan careful
              promptstage start summarize 1.3.0 --steps 1:10m,25:1h,100
              promptstage start summarize 1.3.0 --steps 0,50 --audience tenant=acme,globex
              promptstage start summarize 1.3.0 --audience tenant=acme,plan=pro  (both must hold)
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if plan and steps is not None:
        raise typer.BadParameter("give --plan or --steps, not both")
    body: Json = {"version": version, "force": force, "audience": rules.audience(audience or [])}
    if steps is not None:
        body["steps"] = rules.steps(steps)
    elif plan:
        body["plan"] = plan
    _act("start", name, environment, reason, body)


def advance(name: Name, *, environment: Environment = "production", reason: Reason = "") -> None:
    """Go to the next step now. Past the last one, the candidate is for everyone.

    \b
    Example:  promptstage advance summarize --reason "no complaints"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    _act("advance", name, environment, reason)


def pause(name: Name, *, environment: Environment = "production", reason: Reason = "") -> None:
    """Stop the clock of a rollout; everybody stays where they are.

    \b
    Example:  promptstage pause summarize --reason "looking into a complaint"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    _act("pause", name, environment, reason)


def resume(name: Name, *, environment: Environment = "production", reason: Reason = "") -> None:
    """Let a paused rollout go on, with the time that was left.

    \b
    Example:  promptstage resume summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    _act("resume", name, environment, reason)


def promote(
    name: Name,
    version: MaybeVersion = None,
    *,
    force: Force = False,
    environment: Environment = "production",
    reason: Reason = "",
) -> None:
    """Put a version in force for everyone. Without VERSION it is the candidate of the rollout.

    \b
    Example:  promptstage promote summarize
              promptstage promote summarize 1.0.0 -e staging
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    _act("promote", name, environment, reason, {"version": version, "force": force})


def rollback(name: Name, *, environment: Environment = "production", reason: Reason = "") -> None:
    """Undo the latest change, once. It ends the rollout, or goes back to the version before.

    \b
    Example:  promptstage rollback summarize --reason "too chatty"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    _act("rollback", name, environment, reason)


def _act(op: str, name: str, environment: str, reason: str, body: Json | None = None) -> None:
    registry = http.connect()
    path = http.rollout_path(environment, name)
    expect = _expect(registry.get(path, "stable"))
    answer = registry.post(
        f"{path}/actions/{op}", {**(body or {}), "reason": reason, "expect": expect}, "state"
    )
    output.say(describe.sentence(answer["state"], datetime.now(UTC)), "bold")
    if not answer["applied"]:
        output.note(PENDING)


def _expect(state: Json) -> Json:
    """What must still be so for the command to mean what its author meant."""
    if state["rollout"]:
        return {"rollout": state["rollout"]["id"]}
    return {"stable": state["stable"] and state["stable"]["version"]}
