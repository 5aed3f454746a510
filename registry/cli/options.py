"""The arguments and options that several commands share, each with one meaning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from registry.catalog import naming
from registry.cli.author import completion, layout
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
JSON = "promptstage.json"  # in the context of a command line: whether its result is read by a program
WAIT_SECONDS = 60.0  # a client that lost its stream is back well within that

# A prompt with its version, as log lines and tags write it.
_VERSIONED = re.compile(r"([a-z0-9][a-z0-9_/-]*)(?:@v?|/v)(\d+\.\d+\.\d+[\w.-]*)")
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,31}")


def _usage(check: Callable[[T], T]) -> Callable[[T | None], T | None]:
    """Turn the registry's own rule into a usage error, before any request."""

    def callback(value: T | None) -> T | None:
        try:
            return value and check(value)
        except Invalid as error:
            raise typer.BadParameter(error.message) from error

    return callback


def _version_or_latest(value: str) -> str:
    return value if value == naming.LATEST else naming.require_version(value)


def _environment(value: str) -> str:
    if not _ENVIRONMENT.fullmatch(value):
        raise Invalid(f"{value!r} is no environment's name; it is one like production or eu-1")
    return value


def _name_or_path(value: str) -> str:
    """A name, or the path that a shell completed to the prompt's file."""
    if value.endswith(naming.SUFFIXES):
        name = layout.around(Path()).settings.prompt_at(value.removeprefix("./"))
        if name:
            return name
    try:
        return naming.require_name(value)
    except Invalid as error:
        if named := _VERSIONED.fullmatch(value):
            name, version = named.groups()
            raise Invalid(f"{value!r} names a version, too; write {name} and {version} apart") from error
        if naming.is_version(value.removeprefix("v")):
            raise Invalid(f"{value!r} is a version; name the prompt before it") from error
        near = naming.suggest(naming.stem(value.removeprefix("./").removeprefix(f"{naming.FOLDER}/")))
        raise Invalid(f"{error.message}; did you mean {near}?" if near else error.message) from error


def _references(values: list[str]) -> list[str]:
    """Names or paths of prompts, each with ``@`` and a version or not."""
    found = []
    for value in values:
        name, at, version = value.partition("@")
        found.append(_name_or_path(name) + at + (_version_or_latest(version) if at else ""))
    return found


_name = typer.Argument(
    metavar="NAME",
    callback=_usage(_name_or_path),
    autocompletion=completion.names,
    help="The prompt, like support/triage.",
)
_version, _from, _to = (
    typer.Argument(metavar=metavar, callback=_usage(_version_or_latest), help="Such as 1.3.0, or latest.")
    for metavar in ("VERSION", "FROM", "TO")
)

Name = Annotated[str, _name]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME[@VERSION]",
        callback=_usage(_references),
        autocompletion=completion.names,
        help="Prompts, like support/triage: as they are here, or a tagged version.",
    ),
]
MaybeName = Annotated[str | None, _name]
Version = Annotated[str, _version]
FromVersion = Annotated[str, _from]
ToVersion = Annotated[str, _to]
MaybeVersion = Annotated[str | None, _version]
NewVersion = Annotated[
    str | None,
    typer.Option(
        "--version", metavar="VERSION", callback=_usage(naming.require_version), help="Exactly this version."
    ),
]
Environment = Annotated[
    str,
    typer.Option(
        "-e",
        "--environment",
        metavar="ENV",
        envvar="PROMPTSTAGE_ENVIRONMENT",
        callback=_usage(_environment),
        help="The environment to look at or change.",
    ),
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept in the history.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Accept a version that requires variables which stable does not, or newer clients."
    ),
]
OverrideSuite = Annotated[
    str | None,
    typer.Option(
        "--override-suite",
        metavar="TEXT",
        show_default=False,
        help="Go without an attestation of its suite where one is required, and say why; it stays in the "
        "history.",
    ),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask for confirmation; without a terminal nothing is asked."),
]
IfNeeded = Annotated[
    bool, typer.Option("--if-needed", help="Exit 0 and change nothing if there is nothing to do.")
]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Wait until the change was sent to all connected clients; those that poll are not counted.",
    ),
]
WaitSeconds = Annotated[
    float | None,
    typer.Option(
        "--wait-seconds",
        "--timeout",
        metavar="SECONDS",
        min=0,
        help=f"Wait at most this long (default {WAIT_SECONDS:g}), then exit with 1.",
    ),
]


def _note_json(ctx: typer.Context, wanted: bool) -> bool:
    """Let an error that ends the command be JSON as well."""
    ctx.meta[JSON] = wanted
    return wanted


AsJson = Annotated[
    bool,
    typer.Option("--json", callback=_note_json, help="Print only JSON, also for an error."),
]
