"""What the commands of ``promptstage journal`` have in common: the data folder, and what they need of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.errors import Unavailable

if TYPE_CHECKING:
    from registry.catalog.upstream import Credentials
    from registry.settings import Settings

Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="PROMPTSTAGE_DATA", help="The registry's data folder."),
]
DEFAULT = Path(".data")


def check_owner(data: Path) -> None:
    """Let a folder pass that is this user's: the registry could not change what another one wrote."""
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise Unavailable(f"{data} is the user {data.owner()}'s; run this with: sudo -u {data.owner()} ...")


def settings_of(data: Path) -> Settings:
    """The service's settings, for another data folder. Raises Invalid."""
    from registry.settings import read  # noqa: PLC0415 - no other command should wait for pydantic's import

    return read(data=data)


def credentials(settings: Settings) -> Credentials:
    """What opens the repositories that the settings name."""
    from registry.catalog.upstream import Credentials  # noqa: PLC0415 - for some commands alone

    return Credentials(settings.git_token_file, settings.git_ssh_key, settings.git_known_hosts)


def changes(count: int) -> str:
    """A number of changes, in words."""
    return "1 change" if count == 1 else f"{count} changes"


def facts(*rows: tuple[str, str]) -> None:
    """Print facts, each behind its label."""
    for label, value in rows:
        output.say(f"{label + ':':<11}{value}")
