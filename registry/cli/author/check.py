"""``promptstage check``: validate every prompt file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog.parsing.codes import CODES
from registry.cli import output
from registry.cli.author import files, report
from registry.cli.author.report import Format  # noqa: TC001 - the same
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator


def _explain(wanted: bool) -> None:
    if wanted:
        output.table(("code", "severity", "meaning"), [(code, *about) for code, about in CODES.items()])
        raise typer.Exit


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR", exists=True, help="A prompts repository, or some files of one."),
    ] = None,
    *,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="For people, programs, GitHub's annotations, GitLab's code quality."),
    ] = None,
    as_json: AsJson = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail also on warnings.")] = False,
    _: Annotated[
        bool, typer.Option("--codes", callback=_explain, is_eager=True, help="List all codes and exit.")
    ] = False,
) -> None:
    """Validate every prompt file of a repository.

    Every *.prompt.yml and *.prompt.yaml below prompts/ is read; without such a folder, below DIR and its
    .github/prompts/, but not what git ignores. In a git repository its tags are looked at, too.
    The exit code is 1 if there is an error, but not for warnings. In a job of GitHub Actions the default
    format is github. A line `# promptstage: ignore CODE, CODE` in a file silences warnings, and secret.

    \b
    Example:  promptstage check
              promptstage check ./prompts --json
              promptstage check prompts/summarize.prompt.yml
              promptstage check --strict --format github
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if as_json and form not in {None, "json"}:
        raise typer.BadParameter(f"give --json or --format {form}, not both")
    paths = paths or [Path()]
    found = _find(paths)
    told = sorted([*_lint(found), *_strays(paths)])
    report.tell("json" if as_json else form or report.usual(), told, sum(map(len, found.values())))
    failed = any(problem.severity == "error" or strict for problem in told)
    raise typer.Exit(1 if failed else 0)


def _find(paths: list[Path]) -> dict[Path, list[Path]]:
    """The prompt files of each folder that may have some. Raises Invalid if there is none at all."""
    found: dict[Path, list[Path]] = {}
    for path in paths:
        if path.is_file():
            found.setdefault(files.root_of(path), []).append(path)
        else:
            found |= {root: files.find(root) for root in files.roots_of(path)}
    if not any(found.values()):
        raise Invalid(f"there is no prompt file in {' or '.join(map(str, found))}; {_remedy(paths)}")
    return found


def _remedy(paths: list[Path]) -> str:
    """What to do where no prompt file is: some have them already, under other names."""
    near = next((pair for path in paths for pair in files.lookalikes(path)), None)
    if near is None:
        return "a prompt is a file such as prompts/summarize.prompt.yml"
    file, wanted = near
    return (
        f"{output.clean(files.shown(file))} looks like one: name it prompts/{wanted}, and the others likewise"
    )


def _lint(found: dict[Path, list[Path]]) -> Iterator[files.Problem]:
    for root, below in found.items():
        yield from files.problems(root, below)
        yield from files.about_tags(root, [file for file in below if file.is_file()])


def _strays(paths: list[Path]) -> Iterator[files.Problem]:
    folders = (path for path in paths if path.is_dir())
    return (problem for path in folders for root in files.roots_of(path) for problem in files.strays(root))
