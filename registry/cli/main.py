"""The command `promptstage`: its groups, and each failure as one sentence."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from registry.cli import credential, streams, usage_errors
from registry.cli.author import check, init, render, tag, typed
from registry.cli.imports import command as imports
from registry.cli.imports import export
from registry.cli.observe import budget, calls, usage
from registry.cli.operate import doctor, journal, login, notify, policies, prices, serve, token
from registry.cli.options import JSON
from registry.cli.output import complain, dump, problem
from registry.cli.release import actions, attestations, evidence, explain, history, queries, simulate, status
from registry.cli.review import cases, judge, review
from registry.cli.suites import evaluate
from registry.errors import RegistryError

__all__ = ["app", "main"]


SENTENCE = 200  # characters of a command's help that are listed; a longer sentence would be cut off


class Commands(TyperGroup):
    """Runs a command; what goes wrong becomes one sentence on stderr and exit code 1, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            usage_errors.explain(error)
            raise
        except RegistryError as error:
            failed = error
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough; typer ends quietly
        except OSError as error:
            failed = RegistryError(streams.said(error))
        complain(failed.message)
        if ctx.meta.get(JSON):
            dump(problem(failed))
        raise typer.Exit(1)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        """List the commands under the headings that they were registered with."""
        width = max(map(len, self.commands))
        commands: dict[str, Any] = dict(self.commands)
        for panel in dict.fromkeys(command.rich_help_panel for command in commands.values()):
            with formatter.section(panel or "Commands"):
                formatter.write_dl(
                    [
                        (name.ljust(width), command.get_short_help_str(SENTENCE))
                        for name, command in commands.items()
                        if command.rich_help_panel == panel
                    ]
                )


EXIT_CODES = "Exit codes: 0 done, or nothing to do; 1 failed, and stderr says why; 2 wrong usage."

app = typer.Typer(
    name="promptstage",
    epilog=EXIT_CODES,
    cls=Commands,
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


# The help's headings, in order.
WRITE, RELEASE, OBSERVE, RUN = "Write prompts", "Release them", "See how calls went", "Run the registry"
PANELS = {
    WRITE: (
        init.init,
        check.check,
        render.render,
        evaluate.evaluate,
        tag.tag,
        typed.types,
        imports.import_prompts,
        export.export,
        queries.prompts,
        queries.versions,
        queries.show,
        queries.diff,
    ),
    RELEASE: (
        status.status,
        actions.start,
        actions.advance,
        actions.pause,
        actions.resume,
        actions.promote,
        actions.rollback,
        actions.approve,
        actions.reject,
        history.history,
        attestations.attestations,
        explain.explain,
        evidence.evidence,
        simulate.simulate,
    ),
    OBSERVE: (usage.usage, calls.calls, calls.call, budget.budget, review.review, judge.judge),
    RUN: (serve.serve, doctor.doctor, login.login, login.logout),
}
# Where Python has another use for the command's name.
NAMES: dict[Any, str] = {evaluate.evaluate: "eval", imports.import_prompts: "import"}
EPILOGS: dict[Any, str] = {evaluate.evaluate: evaluate.EXIT_CODES}
for panel, commands in PANELS.items():
    for command in commands:
        epilog = EPILOGS.get(command, EXIT_CODES)
        app.command(NAMES.get(command), rich_help_panel=panel, epilog=epilog)(command)
GROUPS = {
    "cases": cases.app,
    "token": token.app,
    "journal": journal.app,
    "policies": policies.app,
    "prices": prices.app,
    "notify": notify.app,
}
for name, group in GROUPS.items():
    app.add_typer(group, name=name, cls=Commands, rich_help_panel=OBSERVE if name == "cases" else RUN)


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
