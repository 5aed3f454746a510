"""``promptstage import``: bring prompts of another tool into git, one version after the other."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog import naming
from registry.cli import output
from registry.cli.author import remotes, worktree
from registry.cli.imports import report, repository, write
from registry.cli.imports.formats import FORMATS
from registry.cli.options import AsJson, Yes  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid
from registry.importers import plan

if TYPE_CHECKING:
    from registry.importers.imported import Imported
    from registry.importers.plan import Plan


def _format(value: str) -> str:
    if value in FORMATS:
        return value
    raise typer.BadParameter(f"{value!r} cannot be imported; choose one of {', '.join(FORMATS)}")


def _prefix(value: str) -> str:
    try:
        return value and naming.require_name(value.strip("/"))
    except Invalid as error:
        raise typer.BadParameter(error.message) from error


def import_prompts(  # noqa: PLR0913 - one parameter an option
    fmt: Annotated[
        str, typer.Argument(metavar="FORMAT", callback=_format, help=f"One of {', '.join(FORMATS)}.")
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file, a folder, or the address of a hosted tool; without it, where its own client asks.",
        ),
    ] = "",
    *,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            callback=_prefix,
            help="Goes before each name: support/triage becomes NAME/support/triage.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show each version that would be written, and what is left out.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Bring prompts of another tool into git: each version becomes a commit and a tag.

    Run it in the prompts repository. The commits come on the branch that is checked out, with the author,
    date and message that the source knows. The first version of a prompt is 1.0.0, and what differs says
    what the next one is, as with tag. All are written, or none.

    What cannot be carried over is named, and nothing is guessed. A prompt that is here already and is not
    from that source is refused. A version that was imported before is left alone, so the same command brings
    what is new in the source.

    \b
    Example:  promptstage import dotprompt prompts-of-genkit --dry-run
              promptstage import prompty triage.prompty --prefix imported
              promptstage import promptfoo promptfooconfig.yaml --yes
              promptstage import langfuse --dry-run          (asks it, with the keys of its own client)
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    top = worktree.top(Path())
    worktree.require_identity(top)
    here = repository.read(top, fmt)
    with output.progress() as tell:
        files = FORMATS[fmt].files(source, tell)

        def planned(item: Imported) -> None:
            tell(f"{item.name} {item.number}")

        made = plan.make(FORMATS[fmt].read(files), here, prefix, planned)
    write.require_clean(top, made.steps)
    if not as_json:
        report.show(made, fmt, whole=dry_run)
    _require_some(made, source)
    commits = [] if dry_run else _write(top, fmt, made, yes=yes)
    if as_json:
        output.dump(report.facts(made, fmt, commits))
    elif made.steps:
        _tell_next(top, made, done=bool(commits))


def _require_some(made: Plan, source: str) -> None:
    """Let pass what has versions, or is here already. Raises Invalid with all that is refused."""
    if made.refused and not made.steps and not made.known:
        message = f"nothing could be imported from {source}; {made.refused[0].why}"
        raise Invalid(message, code="refused", refused=list(map(asdict, made.refused)))


def _write(top: Path, fmt: str, made: Plan, *, yes: bool) -> list[str]:
    if not made.steps:
        return []
    branch = worktree.branch(top) or "the commit that is checked out"
    output.confirm(f"Write {report.counted(made.steps)} as commits on {branch}, and tag them?", yes=yes)
    with output.impatience("git is writing the versions"):
        return write.write(top, fmt, made.steps)


def _tell_next(top: Path, made: Plan, *, done: bool) -> None:
    if not done:
        output.say(f"Nothing is written; without --dry-run {report.counted(made.steps)} would be")
        return
    output.say(f"Wrote {report.counted(made.steps)}", "bold green")
    if remote := remotes.find(top):
        branch = worktree.branch(top)
        output.say(f"Publish them:  {remote.push_command('--atomic', *filter(None, (branch,)), '--tags')}")
    newest = {step.item.name: step.version for step in made.steps}
    for name, version in list(newest.items())[: report.NAMED]:
        output.say(f"Release it:  promptstage promote {name} {version}")
    if len(newest) > report.NAMED:
        output.say(f"and {len(newest) - report.NAMED} more in the same way")
