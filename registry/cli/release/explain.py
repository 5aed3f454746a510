"""``promptstage explain``: why a user gets a version, now or at an earlier time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from registry.cli import hints, http, output, time_option
from registry.cli.options import AsJson, Environment, Name  # noqa: TC001 - typer reads the annotations
from registry.cli.release import arguments
from registry.wording import explanation, times
from registry.wording.text import clean


def explain(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    key: Annotated[
        str,
        typer.Option("-k", "--key", metavar="KEY", help="The user's id, or whatever key the app passes."),
    ],
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "-a", "--attribute", metavar="A=B", help="An attribute that the app passes; may be repeated."
        ),
    ] = None,
    pin: Annotated[
        str | None, typer.Option(metavar="PIN", help="The pin that the app passes, of a conversation.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="At that time; default: now.")] = None,
    environment: Environment = "production",
    as_json: AsJson = False,
) -> None:
    """Explain why a user gets a version, now or at an earlier time.

    TIME is how long ago (2h, 1d 4h, 30m ago) or a time (2026-01-31T14:05:00Z); without a zone it
    is local. Times are shown in UTC. An earlier state is replayed from the journal.

    \b
    Example:  promptstage explain summarize --key user-42
              promptstage explain summarize --key user-42 --attribute tenant=acme --at 2h
              promptstage explain summarize --key user-42 --at "2026-01-31 14:05"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if not key:
        raise typer.BadParameter("--key is empty; an app that gives no key gets a random one for each call")
    attributes = arguments.attributes(attribute or [])
    now = datetime.now(UTC)
    moment = time_option.parse(at, now) if at else None
    if moment and moment > now:
        raise typer.BadParameter(f"--at {at!r} is in the future; without --at it is now")
    with hints.helping(name, environment, then=moment is not None):
        question = {"key": key, "attributes": attributes} | ({"pin": pin} if pin else {})
        found = explanation.ask(http.connect(), environment, name, question, moment)
    if as_json:
        output.dump(found)
        return
    got = found["resolved"]
    then = times.show(moment) if moment else "now"
    title = f"{clean(name)}@{clean(got['version'])} for {clean(key)} in {environment}, {then}"
    output.say(title, "bold")
    output.facts([(f"{label}:", text) for label, text in explanation.facts(found, attributes, pin)])
