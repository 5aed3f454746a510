"""``promptstage history``: list changes, of one prompt or of a whole environment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from registry.cli import hints, http, output, time_option
from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    AsJson,
    Environment,
    MaybeName,
)
from registry.wording import describe, paths, suites, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptstage.model import Json

SHOWN_CHANGES = 20  # a screen
SPAN = "today, 2h, 3d ago, or a time like 2026-01-31 14:05"


def history(  # noqa: PLR0913 - one parameter an option
    name: MaybeName = None,
    *,
    environment: Environment = "production",
    since: Annotated[str | None, typer.Option(metavar="TIME", help=f"Changes since then: {SPAN}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Changes until then.")] = None,
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Changes by this token; schedule: timed steps; guard.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--limit",
            metavar="N",
            min=1,
            show_default=False,
            help=f"How many changes; {SHOWN_CHANGES} if neither this nor --since is given.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what is in force, when and why, newest first; without NAME, for all prompts.

    \b
    Example:  promptstage history summarize
              promptstage history --since today
              promptstage history -e staging --since 7d --actor grace --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    now = datetime.now(UTC)
    limits = {"since": since, "until": until}
    wanted = {key: _moment(text, now) for key, text in limits.items() if text is not None}
    wanted |= {"actor": actor} if actor is not None else {}
    with hints.helping(name or "", environment):
        path = f"{paths.history_path(environment, name)}?{urlencode(wanted)}"
        changes = list(http.connect().pages(path, limit or (None if since else SHOWN_CHANGES)))
    if as_json:
        output.dump({"data": changes})
    elif changes:
        _show(changes, whole=name is None)
    else:
        output.note(_nothing(name, environment, narrowed=bool(wanted)))


def _moment(text: str, now: datetime) -> str:
    return time_option.parse(text, now).isoformat()


def _nothing(name: str | None, environment: str, *, narrowed: bool) -> str:
    if narrowed:
        return f"no such change in {environment}"
    return (
        f"nothing was ever in force of {name} in {environment}"
        if name
        else f"{environment} has no changes yet"
    )


def _show(changes: Sequence[Json], *, whole: bool) -> None:
    """Print changes; `whole`: those of a whole environment, each of which names its prompt."""
    plans, gates = list(map(_plan, changes)), list(map(suites.of_change, changes))
    columns = [
        "seq",
        "at",
        "actor",
        "change",
        *["prompt"] * whole,
        "from",
        "to",
        *["plan"] * any(plans),
        *["suite"] * any(gates),
        "reason",
    ]
    rows = [
        [
            str(change["seq"]),
            times.show(change["at"]),
            clean(change["actor"]),
            clean(change["op"]),
            *[clean(change["prompt"])] * whole,
            describe.end(change["from"]),
            describe.end(change["to"]),
            *[plan] * any(plans),
            *[gate] * any(gates),
            clean(change["reason"]),
        ]
        for change, plan, gate in zip(changes, plans, gates, strict=True)
    ]
    output.table(columns, rows)


def _plan(change: Json) -> str:
    """The steps of a rollout that began, and its audience, as they are typed."""
    steps = (
        f"{step['percent']:g}" + (f":{clean(step['hold'])}" if "hold" in step else "")
        for step in change.get("plan", ())
    )
    audience = (describe.target(target) for target in change.get("audience", ()))
    judged = ",".join(map(clean, (change.get("guard") or {}).get("metrics", ())))
    guard = [f"+ guard {judged}"] if judged else []
    return " ".join(filter(None, [",".join(steps), *(f"+ {target}" for target in audience), *guard]))
