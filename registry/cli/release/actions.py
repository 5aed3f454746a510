"""The commands that change a rollout, from ``start`` to ``reject``.

Each reads the state first, and the registry refuses if that is not the state any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    Force,
    MaybeVersion,
    Name,
    OverrideSuite,
    Version,
)
from registry.cli.release import arguments
from registry.cli.release.change_options import ChangeOptions, with_change_options
from registry.cli.release.execute import execute

if TYPE_CHECKING:
    from promptstage.model import Json


@with_change_options
def start(  # noqa: PLR0913 - one parameter an option
    name: Name,
    version: Version,
    *,
    plan: Annotated[
        Literal["careful", "standard", "fast"] | None,
        typer.Option(help="A named list of steps; the default is standard."),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="Steps of your own: percent, or percent:hold.")
    ] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(metavar="A=B,C", help="Users who always get it; may be repeated, any match is enough."),
    ] = None,
    force: Force = False,
    override_suite: OverrideSuite = None,
    guard: Annotated[
        bool | None,
        typer.Option(
            "--guard/--no-guard",
            show_default=False,
            help="Let its calls judge it; the default is the environment's.",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="What is compared, such as errors,latency,cost; implies --guard."),
    ] = None,
    on_harm: Annotated[
        Literal["notify", "pause", "rollback"] | None,
        typer.Option(help="What the guard does on harm; implies --guard."),
    ] = None,
    options: ChangeOptions,
) -> None:
    """Start to roll out a version to some users, step by step.

    Plans: careful is 1, 5, 10, 25, 50, 100 percent in 7 days; standard is 5, 25, 50, 100 in 60 hours;
    fast is 10, 50, 100 in 12 hours. A step with a time to hold (30s, 10m, 4h, 2d) advances by itself
    when that is over, into 100 percent too; one without waits for you.

    With --guard its calls are compared with those of users who keep the stable version. Harm rolls it
    back, and a timed step goes on only if nothing speaks against it. Metrics: errors, latency, ttft,
    format, feedback, judge, cost and flag:NAME.

    Where the environment requires a suite, the version needs an attestation that it passed: `promptstage
    attestations` shows whether it has one.

    With --if-needed nothing is done if that version already has this plan, audience and guard, or is for
    everyone.

    \b
    Example:  promptstage start summarize 1.3.0 --plan careful
              promptstage start summarize 1.3.0 --steps 1:10m,25:1h,100
              promptstage start summarize 1.3.0 --guard --metrics errors,latency,cost
              promptstage start summarize 1.3.0 --steps 0,50 --audience tenant=acme,globex
              promptstage start summarize 1.3.0 --audience tenant=acme,plan=pro  (both must hold)
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if plan and steps is not None:
        raise typer.BadParameter("give --plan or --steps, not both")
    body: Json = {"version": version, "force": force, "audience": arguments.audience(audience or [])}
    body["steps"] = arguments.plan(plan or "standard") if steps is None else arguments.steps(steps)
    said = arguments.guard(guard, metrics, on_harm)
    body |= ({} if said is None else {"guard": said}) | arguments.override(override_suite)
    execute("start", name, body, options)


@with_change_options
def advance(name: Name, *, options: ChangeOptions) -> None:
    """Advance to the next step now; after the last one the candidate goes to everyone.

    With --if-needed nothing is done if no rollout is under way. Each repetition advances one more step.

    \b
    Example:  promptstage advance summarize --reason "no complaints"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    execute("advance", name, {}, options)


@with_change_options
def pause(name: Name, *, options: ChangeOptions) -> None:
    """Stop the clock of a rollout; every user keeps their version.

    With --if-needed nothing is done if it is paused.

    \b
    Example:  promptstage pause summarize --reason "looking into a complaint"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    execute("pause", name, {}, options)


@with_change_options
def resume(name: Name, *, options: ChangeOptions) -> None:
    """Continue a paused rollout with the time that was left.

    With --if-needed nothing is done if it is running.

    \b
    Example:  promptstage resume summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    execute("resume", name, {}, options)


@with_change_options
def promote(
    name: Name,
    version: MaybeVersion = None,
    *,
    force: Force = False,
    override_suite: OverrideSuite = None,
    options: ChangeOptions,
) -> None:
    """Serve a version to everyone; without VERSION, the candidate of the rollout.

    With --if-needed nothing is done if that VERSION is for everyone.

    \b
    Example:  promptstage promote summarize
              promptstage promote summarize 1.0.0 -e staging
              promptstage promote summarize 1.3.0 --if-needed --json
              promptstage promote summarize 1.3.1 --override-suite "incident 4711: the fix cannot wait"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    body = {"version": version, "force": force} | arguments.override(override_suite)
    execute("promote", name, body, options)


@with_change_options
def rollback(name: Name, *, options: ChangeOptions) -> None:
    """Undo the latest change, once: end the rollout, or go back to the version before.

    With --if-needed it is no error if there is nothing to undo.

    \b
    Example:  promptstage rollback summarize --reason "too chatty"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    execute("rollback", name, {}, options)


@with_change_options
def approve(name: Name, *, options: ChangeOptions) -> None:
    """Approve the start or promote that was requested with another token.

    Where the operator's rules say so, a start or promote waits until it is approved with another token.
    The difference is shown first; --dry-run shows only that. With --if-needed nothing is done if nothing
    awaits approval.

    \b
    Example:  promptstage approve summarize --dry-run
              promptstage approve summarize --reason "read the diff"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    execute("approve", name, {}, options)


@with_change_options
def reject(name: Name, *, options: ChangeOptions) -> None:
    """Reject the start or promote that awaits approval, or withdraw your own.

    With --if-needed nothing is done if nothing awaits approval.

    \b
    Example:  promptstage reject summarize --reason "it drops the greeting"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    execute("reject", name, {}, options)
