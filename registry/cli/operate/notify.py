"""``promptstage notify``: try out a target of notifications."""

from __future__ import annotations

import os
import secrets
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from registry.cli import output
from registry.errors import Invalid, NotFound, Unavailable
from registry.wording.text import clean

app = typer.Typer(help="Try out a target of notifications.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _notify() -> None:
    """Try out a target of notifications."""


@app.command("test")
def send_test(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The name of a table [notify.NAME].")],
    *,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="PROMPTSTAGE_CONFIG", help="The operator's file of rules."),
    ] = None,
) -> None:
    """Send a message to a target, on the machine that has its files. No registry is needed.

    \b
    Example:  promptstage notify test ops --config /etc/promptstage/rules.toml
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if config is None:
        raise Invalid("name the operator's file with --config, or in PROMPTSTAGE_CONFIG")
    from registry.notify import message  # noqa: PLC0415 - no other command should wait for pydantic
    from registry.notify.event import Event  # noqa: PLC0415
    from registry.notify.sender import Letter, NotSent, send  # noqa: PLC0415
    from registry.policies.file import read  # noqa: PLC0415
    from registry.settings import read as read_settings  # noqa: PLC0415
    from registry.system import timestamps  # noqa: PLC0415

    settings = read_settings()
    targets = read(config, settings.environments).linked(settings.public_url).notify
    if target not in targets:
        there = f"; there are {', '.join(map(clean, targets))}" if targets else ""
        raise NotFound(f"there is no table [notify.{clean(target)}] in {clean(config)}{there}")
    text = f"A test of the target {target}, by promptstage on {os.uname().nodename}"
    event = Event(f"test_{secrets.token_hex(8)}", "test", timestamps.now(), text, {"target": target})
    try:
        send(
            targets[target],
            Letter(event.id, message.body(event, targets[target].format, targets[target].home)),
        )
    except NotSent as error:
        raise Unavailable(f"{clean(target)} did not take it: {error}", code="not_sent") from None
    output.say(f"{clean(target)} has taken it: {text}")
