"""``promptstage check``: is every prompt file fit to be served?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.catalog.codes import CODES
from registry.cli import files, output, report
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.cli.report import Format  # noqa: TC001 - the same
from registry.errors import Invalid


def _explain(wanted: bool) -> None:
    if wanted:
        output.table(("code", "severity", "meaning"), [(code, *about) for code, about in CODES.items()])
        raise typer.Exit


def check(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A prompts repository.")
    ] = Path(),
    *,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="For people, programs, GitHub's annotations, GitLab's code quality."),
    ] = None,
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
    _: Annotated[
        bool, typer.Option("--codes", callback=_explain, is_eager=True, help="List all codes and end.")
    ] = False,
) -> None:
    """Validate every prompt file of a repository.

    Every *.prompt.yml and *.prompt.yaml below prompts/ is read; without such a folder, below DIR and its
    .github/prompts/. In a git repository, the newest tag of each prompt is compared with the one before it.
    The exit code is 1 if there is an error; warnings are told only. In a job of GitHub Actions the format is
    github by itself. A line `# promptstage: ignore CODE, CODE` in a file silences warnings, and secret.

    \b
    Example:  promptstage check
              promptstage check ./prompts --json
              promptstage check --strict --format github
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if as_json and form not in {None, "json"}:
        raise typer.BadParameter(f"give --json or --format {form}, not both")
    found = _find(folder)
    told = sorted(_look(folder, found))
    report.tell("json" if as_json else form or report.usual(), told, sum(map(len, found.values())))
    failed = any(problem.severity == "error" or strict for problem in told)
    raise typer.Exit(1 if failed else 0)


def _find(folder: Path) -> dict[Path, list[Path]]:
    """The prompt files of each folder that may have some. Raises Invalid if there is none at all."""
    found = {root: files.find(root) for root in files.roots_of(folder)}
    if not any(found.values()):
        raise Invalid(
            f"there is no prompt file in {' or '.join(map(str, found))}; "
            "a prompt is a file such as prompts/summarize.prompt.yml"
        )
    return found


def _look(folder: Path, found: dict[Path, list[Path]]) -> list[files.Problem]:
    of_files = [problem for root, below in found.items() for problem in files.look(root, below)]
    regular = [file for below in found.values() for file in below if file.is_file()]
    return of_files + list(files.small_bumps(folder, regular))
