"""The forms of a report: what is printed, and what is written to files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry.cli.suites import github, terminal
from registry.suites.reports.junit import junit
from registry.suites.reports.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.cli.suites.formats import Format
    from registry.suites.run.report import Report


def show(form: Format, report: Report) -> None:
    """Print a report."""
    if form == "table":
        terminal.show(report)
    elif form == "github":
        github.show(report)
    else:
        print(TEXTS[form](report), end="")


def write(path: Path, form: Format, report: Report) -> None:
    """Write a report to a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXTS[form](report), encoding="utf-8")


def _json(report: Report) -> str:
    return json.dumps(report.to_json(), indent=2) + "\n"


TEXTS: dict[Format, Callable[[Report], str]] = {"json": _json, "junit": junit, "markdown": markdown}
