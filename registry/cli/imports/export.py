"""``promptstage export``: hand a prompt and its cases to another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.cli.author import layout, source, worktree
from registry.cli.options import AsJson, MaybeVersion, Name  # noqa: TC001 - typer reads the annotations
from registry.cli.suites import suite_files
from registry.errors import Invalid
from registry.exporters import promptfoo
from registry.importers.prompt_file import prompt_file
from registry.suites.cases import read_suite

if TYPE_CHECKING:
    from registry.cli.suites.suite_files import PromptFile
    from registry.exporters.promptfoo import Export
    from registry.suites.cases import Suite

FORMATS = ("promptfoo",)


def _format(value: str) -> str:
    if value in FORMATS:
        return value
    raise typer.BadParameter(f"{value!r} is no format to export to; choose {', '.join(FORMATS)}")


def export(
    fmt: Annotated[str, typer.Argument(metavar="FORMAT", callback=_format, help="It is promptfoo.")],
    name: Name,
    version: MaybeVersion = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a prompt with its model and its cases as a configuration that runs as it is.

    Without VERSION it is the file as it is in the worktree, with VERSION the one that is tagged here. Cases
    come from testData and from NAME.cases.jsonl, with what judges them. What the other tool cannot say is
    named on stderr, and left out.

    \b
    Example:  promptstage export promptfoo summarize -o promptfooconfig.yaml
              npx promptfoo@latest eval -c promptfooconfig.yaml
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    found = _found(name, version)
    try:
        made = _made(found)
    except Invalid as error:
        raise Invalid(f"{name} cannot be exported to {fmt}: {error.message}", **error.extra) from error
    for sentence in made.left_out:
        output.note(f"left out: {sentence}")
    if file:
        file.write_bytes(prompt_file(made.config))
    if as_json:
        output.dump({"config": made.config, "left_out": list(made.left_out), "file": file and str(file)})
    elif file:
        output.say(f"Wrote {file}", "bold green")
        output.say(f"Run it:  npx promptfoo@latest eval -c {file}")
    else:
        typer.echo(prompt_file(made.config).decode(), nl=False)


def _found(name: str, version: str | None) -> PromptFile:
    if version is None:
        return suite_files.in_worktree(name)
    top = worktree.top(Path())
    chosen, oid = source.find_version(top, name, version)
    if found := suite_files.at_commit(top, oid, name):
        return found
    raise Invalid(f"the tag of {name} {chosen} holds no file of it; choose another version")


def _made(found: PromptFile) -> Export:
    judge = layout.around(Path.cwd()).settings.eval.judge
    return promptfoo.export(found.name, found.parse().document, _suite(found), judge)


def _suite(found: PromptFile) -> Suite:
    """Read the cases. Raises Invalid with the place of the first mistake."""
    suite, problems = read_suite(found.path, found.content, found.beside, found.partials)
    if suite is None:
        wrong = next(problem for problem in problems if problem.severity == "error")
        raise Invalid(f"{found.folder}{wrong.place}: {wrong.message}")
    return suite
