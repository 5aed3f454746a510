"""The commands that change what is in force, from ``start`` to ``rollback``.

Each reads the state first, and the registry refuses if that is not the state any more.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from registry.cli.options import (
    WAIT_SECONDS,
    Environment,
    Force,
    MaybeVersion,
    Name,
    Reason,
    Version,
    Wait,
    WaitSeconds,
    Yes,
)
from registry.cli.release import rules
from registry.cli.release.acting import carry_out
from registry.cli.release.preview import Order

Json = dict[str, Any]


def start(  # noqa: PLR0913 - one parameter an option
    name: Name,
    version: Version,
    *,
    plan: Annotated[
        Literal["careful", "standard", "fast"] | None,
        typer.Option(help="Steps that are known to be good; standard is the default."),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="Steps of your own: percent, or percent:hold.")
    ] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(metavar="A=B,C", help="Who gets it in any case; once or more often, any is enough."),
    ] = None,
    force: Force = False,
    yes: Yes = False,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Begin a rollout of a version to some users, step by step.

    Plans: careful is 1, 5, 10, 25, 50, 100 percent in 7 days; standard is 5, 25, 50, 100 in 60 hours;
    fast is 10, 50, 100 in 12 hours. A step with a time to hold (30s, 10m, 4h, 2d) advances by itself
    when that is over, into 100 percent too; one without waits for you.

    \b
    Example:  promptstage start summarize 1.3.0 --plan careful
              promptstage start summarize 1.3.0 --steps 1:10m,25:1h,100
              promptstage start summarize 1.3.0 --steps 0,50 --audience tenant=acme,globex
              promptstage start summarize 1.3.0 --audience tenant=acme,plan=pro  (both must hold)
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if plan and steps is not None:
        raise typer.BadParameter("give --plan or --steps, not both")
    body: Json = {"version": version, "force": force, "audience": rules.audience(audience or [])}
    body["steps"] = rules.plan(plan or "standard") if steps is None else rules.steps(steps)
    order = Order("start", name, environment, {**body, "reason": reason}, ask=not yes)
    carry_out(order, _bound(wait, wait_seconds))


def advance(
    name: Name,
    *,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Go to the next step now. Past the last one, the candidate is for everyone.

    \b
    Example:  promptstage advance summarize --reason "no complaints"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    carry_out(Order("advance", name, environment, {"reason": reason}), _bound(wait, wait_seconds))


def pause(
    name: Name,
    *,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Stop the clock of a rollout; everybody stays where they are.

    \b
    Example:  promptstage pause summarize --reason "looking into a complaint"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    carry_out(Order("pause", name, environment, {"reason": reason}), _bound(wait, wait_seconds))


def resume(
    name: Name,
    *,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Let a paused rollout go on, with the time that was left.

    \b
    Example:  promptstage resume summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    carry_out(Order("resume", name, environment, {"reason": reason}), _bound(wait, wait_seconds))


def promote(  # noqa: PLR0913 - one parameter an option
    name: Name,
    version: MaybeVersion = None,
    *,
    force: Force = False,
    yes: Yes = False,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Put a version in force for everyone. Without VERSION it is the candidate of the rollout.

    \b
    Example:  promptstage promote summarize
              promptstage promote summarize 1.0.0 -e staging
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    body = {"version": version, "force": force, "reason": reason}
    carry_out(Order("promote", name, environment, body, ask=not yes), _bound(wait, wait_seconds))


def rollback(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    yes: Yes = False,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Undo the latest change, once. It ends the rollout, or goes back to the version before.

    \b
    Example:  promptstage rollback summarize --reason "too chatty"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    order = Order("rollback", name, environment, {"reason": reason}, ask=not yes)
    carry_out(order, _bound(wait, wait_seconds))


def approve(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    yes: Yes = False,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Carry out the start or promote that another asked for.

    Where the operator's rule is so, a start or promote waits until somebody approves it with another token.

    \b
    Example:  promptstage approve summarize
              promptstage approve summarize --reason "read the diff"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    order = Order("approve", name, environment, {"reason": reason}, ask=not yes)
    carry_out(order, _bound(wait, wait_seconds))


def reject(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    yes: Yes = False,
    environment: Environment = "production",
    reason: Reason = "",
    wait: Wait = False,
    wait_seconds: WaitSeconds = None,
) -> None:
    """Refuse the start or promote that awaits approval, or take back your own.

    \b
    Example:  promptstage reject summarize --reason "it drops the greeting"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    order = Order("reject", name, environment, {"reason": reason}, ask=not yes)
    carry_out(order, _bound(wait, wait_seconds))


def _bound(wait: bool, seconds: float | None) -> float | None:
    """How long to wait; None: not at all."""
    return WAIT_SECONDS if wait and seconds is None else seconds
