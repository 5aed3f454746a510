"""The command `promptstage`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from registry.cli import credential, streams
from registry.cli.commands import EXIT_CODES, Root
from registry.cli.output import complain

app = typer.Typer(
    name="promptstage",
    epilog=EXIT_CODES,
    cls=Root,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and seldom needed

        typer.echo(f"promptstage {version('promptstage-registry')}")
        raise typer.Exit


@app.callback()
def _promptstage(
    ctx: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    url: Annotated[
        str,
        typer.Option(
            metavar="URL", help="The registry's address; default: PROMPTSTAGE_URL, else the latest login."
        ),
    ] = "",
) -> None:
    """Prompts in git, released in stages.

    \b
    Begin with:  promptstage init prompts
                 promptstage serve --repository prompts
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    credential.choose(url)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Run the command line; the console script ``promptstage``."""
    streams.prepare()
    try:
        code = app()
    except SystemExit as ended:
        code = ended.code
    except OSError as error:  # a full disk below the help, which no command printed
        complain(streams.said(error))
        code = 1
    sys.exit(streams.finish(code or 0))
