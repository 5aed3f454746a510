"""Open the data folder for the commands of ``promptstage journal``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.errors import Unavailable

if TYPE_CHECKING:
    from registry.git.remote import Credentials
    from registry.journal.journal import Journal
    from registry.settings import Settings

Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="PROMPTSTAGE_DATA", help="The registry's data folder."),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        metavar="URL",
        help="The Redis that the registry was given.  [env var: PROMPTSTAGE_REDIS_URL]",
    ),
]
RemoteJournal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="REPOSITORY",
        help="The journal that registries share, if they do.  [env var: PROMPTSTAGE_JOURNAL]",
    ),
]
DEFAULT = Path(".data")


def check_owner(data: Path) -> None:
    """Let a folder pass that is this user's: the registry could not change what another one wrote."""
    if data.exists() and data.stat().st_uid != os.geteuid():
        owner = _owner(data)
        raise Unavailable(f"{data} is the user {owner}'s; run this with: sudo -u '{owner}' ...")


def require_folder(data: Path) -> None:
    """Let a data folder pass that is there, and is this user's."""
    if not data.is_dir():
        raise Unavailable(f"{data} is no folder; name the registry's data folder with --data")
    check_owner(data)


def _owner(data: Path) -> str:
    try:
        return data.owner()
    except KeyError:  # a user of another machine, or of a container; sudo takes the number
        return f"#{data.stat().st_uid}"


def settings_of(data: Path, **given: str | None) -> Settings:
    """The service's settings, for a data folder, with those that were given on the command line.

    Raises:
        Invalid: one is bad.
    """
    from registry.settings import read  # noqa: PLC0415 - no other command should wait for pydantic's import

    return read(data=data, **{name: value for name, value in given.items() if value is not None})


def credentials(settings: Settings) -> Credentials:
    """What opens the repositories that the settings name."""
    from registry.git.remote import Credentials  # noqa: PLC0415 - for some commands alone

    return Credentials(settings.git_token_file, settings.git_ssh_key, settings.git_known_hosts)


def journal_of(settings: Settings) -> Journal:
    """The journal of the data folder, or the copy there of the one that registries share."""
    from registry.journal.local import LocalJournal  # noqa: PLC0415
    from registry.journal.remote import RemoteJournal  # noqa: PLC0415

    if settings.journal:
        return RemoteJournal(settings.data, settings.journal, credentials(settings))
    return LocalJournal(settings.data)


def changes(count: int) -> str:
    """A number of changes, in words."""
    return "1 change" if count == 1 else f"{count} changes"


def facts(*rows: tuple[str, str]) -> None:
    """Print facts, each behind its label."""
    for label, value in rows:
        output.say(f"{label + ':':<11}{value}")
