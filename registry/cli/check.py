"""``promptstage check``: is every prompt file fit to be served?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import files, output
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.cli.files import Problem

WIDEST = 1000  # characters of one message; the longest rule has some 200
STYLES = {"error": "red", "warning": "yellow"}


def check(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A prompts repository.")
    ] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Validate every prompt file of a repository.

    Every *.prompt.yml and *.prompt.yaml below prompts/ is read; without such a folder, below DIR and its
    .github/prompts/.
    The exit code is 1 if there is an error; warnings are told only.

    \b
    Example:  promptstage check
              promptstage check ./prompts --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    by_root = {root: files.find(root) for root in files.roots_of(folder)}
    found = [file for below in by_root.values() for file in below]
    if not found:
        raise Invalid(
            f"there is no prompt file in {' or '.join(map(str, by_root))}; "
            "a prompt is a file such as prompts/summarize.prompt.yml"
        )
    problems = [problem for root, below in by_root.items() for problem in files.look(root, below)]
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        counts = {"files": len(found), "errors": errors, "warnings": len(problems) - errors}
        output.dump(counts | {"problems": [asdict(problem) for problem in problems]})
    else:
        tell(problems)
        output.say(
            _summary(len(found), errors, len(problems) - errors), "bold red" if errors else "bold green"
        )
    raise typer.Exit(1 if errors else 0)


def tell(problems: Iterable[Problem]) -> None:
    """Print problems in the form that editors and CI systems understand."""
    for problem in problems:
        place = f"{output.clean(problem.path, WIDEST)}:{problem.line}:{problem.column}"
        message = output.clean(problem.message, WIDEST)
        output.say(f"{place}: {problem.severity}: {message}", STYLES[problem.severity])


def _summary(prompts: int, errors: int, warnings: int) -> str:
    counts = (_count(prompts, "prompt file"), _count(errors, "error"), _count(warnings, "warning"))
    return ", ".join(counts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
