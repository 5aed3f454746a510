"""``promptstage serve``: run the registry under uvicorn."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli import hints
from registry.cli.author import worktree
from registry.errors import Invalid, Unavailable
from registry.git.repository import unsupported
from registry.system.logs import Format  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from registry.settings import Settings

_URL = re.compile(r"\w+://|[^/]+:")  # git's own rule: a colon before any slash is a host

NO_REPOSITORY = (
    "no prompt repository was given; name a path or a URL, such as\n"
    "  promptstage serve --repository {}\n"
    "or set PROMPTSTAGE_REPOSITORY. `promptstage init prompts` makes a new one"
)


def _setting(variable: str, metavar: str | None, about: str, default: str = "", **more: Any) -> Any:
    """Declare an option that wins over a variable; pydantic reads that, so typer only names it."""
    otherwise = f"; default: {default}" if default else ""
    about = f"{about}  [env var: PROMPTSTAGE_{variable}{otherwise}]"
    return typer.Option(f"--{variable.lower().replace('_', '-')}", metavar=metavar, help=about, **more)


def serve(  # noqa: PLR0913 - one parameter an option
    *,
    repository: Annotated[
        str | None, _setting("REPOSITORY", "REPOSITORY", "The prompt repository, a path or URL.")
    ] = None,
    data: Annotated[str | None, _setting("DATA", "DIR", "The folder of mirror and journal.", ".data")] = None,
    config: Annotated[
        str | None,
        _setting("CONFIG", "FILE", "The rules of environments (TOML), read at the start.", "no rules"),
    ] = None,
    journal: Annotated[
        str | None,
        _setting(
            "JOURNAL",
            "REPOSITORY",
            "Where registries on several machines share one journal: a bare repository, a path or URL.",
            "in DIR alone",
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        _setting("REDIS_URL", "URL", "A Redis or Valkey that registries share.", "an embedded one"),
    ] = None,
    host: Annotated[str | None, _setting("HOST", "HOST", "The address to listen on.", "127.0.0.1")] = None,
    port: Annotated[
        int | None,
        _setting("PORT", "PORT", "The port; 0 lets the system choose.", "8000", min=0, max=65535),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="How many worker processes.")] = 1,
    log_format: Annotated[
        Format | None, _setting("LOG_FORMAT", None, "Lines for people, or JSON for programs.", "text")
    ] = None,
    access_log: Annotated[
        bool | None, _setting("ACCESS_LOG", None, "Log one line per request, not its query.", "no")
    ] = None,
) -> None:
    """Run the registry until it is interrupted.

    \b
    Example:  promptstage serve --repository ./prompts --port 8000
              promptstage serve --repository ./prompts --config rules.toml
              promptstage serve --journal git@git.example.org:ops/journal.git --redis-url redis://valkey:6379

    \b
    Rules:    [environments.production]
              approval = true     # start and promote await another token
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    given = {"REPOSITORY": repository, "DATA": data, "REDIS_URL": redis_url, "HOST": host, "PORT": port}
    given |= {"LOG_FORMAT": log_format, "CONFIG": config, "JOURNAL": journal, "ACCESS_LOG": access_log}
    # Workers are new processes that read the settings again, so options travel in the environment.
    chosen = {f"PROMPTSTAGE_{name}": str(value) for name, value in given.items() if value is not None}
    os.environ.update(chosen)
    from registry.settings import read  # noqa: PLC0415 - no other command should wait for pydantic's import

    settings = read()
    _check(settings)
    from registry.server.workers import run  # noqa: PLC0415 - no other command should wait for uvicorn's import

    raise typer.Exit(run(settings, workers))


def _check(settings: Settings) -> None:
    """Find out now what would otherwise be a line in the log, again and again."""
    from registry.outcomes import price_file  # noqa: PLC0415 - it needs pydantic
    from registry.policies import file as policies  # noqa: PLC0415 - it needs pydantic too

    _check_repository(settings.repository)
    _check_format(settings.journal)
    _check_data(settings.data)
    policies.read(settings.config, settings.environments)
    if settings.prices:
        price_file.read(settings.prices)


def _check_repository(repository: str) -> None:
    if not repository:
        raise Invalid(NO_REPOSITORY.format(hints.repository()))
    if shutil.which("git") is None:
        raise Unavailable("git is not installed, or not on the PATH; install it (2.36 or newer)")
    if not _URL.match(repository) and not worktree.is_repository(Path(repository)):
        whole = hints.around(Path(repository))
        remedy = (
            f"it is a folder of one, so name that: --repository {whole}"
            if whole
            else "name the folder that `git init` or `git clone` made, or make a new one: "
            "promptstage init prompts"
        )
        raise Invalid(f"{repository} is no git repository; {remedy}")
    _check_format(repository)


def _check_format(repository: str) -> None:
    if repository and not _URL.match(repository) and (reason := unsupported(Path(repository))):
        raise Invalid(f"{repository} cannot be used: {reason}", code="unsupported_repository")


def _check_data(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"the data folder {data} cannot be made: {error.strerror}; name another with --data"
        ) from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise Unavailable(f"the data folder {data} cannot be written; name another with --data, or allow it")
