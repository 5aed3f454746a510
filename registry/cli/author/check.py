"""``promptstage check``: validate every prompt file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog.naming import FOLDER
from registry.catalog.parsing.codes import CODES
from registry.catalog.parsing.toml_source import FILE
from registry.cli import output
from registry.cli.author import files, layout, report
from registry.cli.author.report import Format  # noqa: TC001 - the same
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.errors import DocumentInvalid, Invalid
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.cli.author.layout import Layout


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
    .github/prompts/, but not what git ignores. A promptstage.toml at the top of the repository names another
    folder, what to exclude, and codes that are off or errors. In git the tags are looked at, too.
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
    try:
        told, count = _check(paths or [Path()])
    except DocumentInvalid as broken:
        told, count = [files.about_settings(broken)], 0
    report.tell("json" if as_json else form or report.usual(), told, count)
    failed = any(problem.severity == "error" or strict for problem in told)
    raise typer.Exit(1 if failed else 0)


def _check(paths: list[Path]) -> tuple[list[files.Problem], int]:
    """Check files; return the problems, and how many files there are.

    Raises:
        DocumentInvalid: the settings of a repository are broken.
        Invalid: there is no prompt file at all.
    """
    places = {path: layout.around(path.parent if path.is_file() else path) for path in paths}
    found = _find(places)
    told = [problem for (root, place), below in found.items() for problem in _lint(root, place, below)]
    for path, place in places.items():
        strays = (problem for root in _roots(path, place) for problem in files.strays(root, place))
        told += files.judged(strays, place.settings)
    return sorted(told), sum(map(len, found.values()))


def _roots(path: Path, place: Layout) -> list[Path]:
    return place.roots(path) if path.is_dir() else []


def _find(places: Mapping[Path, Layout]) -> dict[tuple[Path, Layout], list[Path]]:
    """The prompt files of each folder that may have some. Raises Invalid if there is none at all."""
    found: dict[tuple[Path, Layout], list[Path]] = {}
    for path, place in places.items():
        if path.is_file():
            kept = [] if place.is_excluded(path) else [path]
            found.setdefault((files.root_of(path, place), place), []).extend(kept)
        else:
            found |= {(root, place): files.find(root, place) for root in place.roots(path)}
    if not any(found.values()) and not all(path.is_file() for path in places):
        shown = " or ".join(str(root) for root, _ in found) or places[next(iter(places))].settings.folder
        raise Invalid(f"there is no prompt file in {shown}; {_remedy(places)}")
    return found


def _remedy(places: Mapping[Path, Layout]) -> str:
    """Return a remedy where no prompt file is: some have them already, under other names."""
    roots = [(root, place) for path, place in places.items() for root in _roots(path, place)]
    if nested := next((root for root, place in roots if files.is_nested(root, place)), None):
        return f"{clean(files.shown(nested))} is a git repository of its own; go there, and repeat this"
    named = next(iter(places.values())).settings.folder
    searched = places.items() if named is None else roots
    near = next((pair for root, place in searched for pair in files.lookalikes(root, place)), None)
    folder = FOLDER if named is None else named
    if near is None:
        source = "" if named is None else f"{FILE} names this folder; "
        example = f"{folder}/summarize.prompt.yml".lstrip("/")
        return f"{source}a prompt is a file such as {example}"
    file, wanted = near
    better = f"{folder}/{wanted}".lstrip("/")
    return f"{clean(files.shown(file))} looks like one: name it {better}, and the others likewise"


def _lint(root: Path, place: Layout, below: list[Path]) -> Iterator[files.Problem]:
    yield from files.judged(files.problems(root, below), place.settings)
    tagged = [file for file in below if file.is_file()]
    yield from files.judged(files.about_tags(place, tagged), place.settings)
