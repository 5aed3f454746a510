"""Report problems: for people, for programs, and as annotations of GitHub and GitLab."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry.cli import output
from registry.system.text import escape
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.cli.author.files import Problem

Format = Literal["text", "json", "github", "gitlab"]
WIDEST = 1000  # characters of one message; the longest rule has some 200
STYLES = {"error": "red", "warning": "yellow"}
_GATHERED = ("unknown_key",)  # what is told once for all places
_GITLAB = {"error": "major", "warning": "minor"}
_WORKSPACES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")  # where a CI system put the repository


def usual() -> Format:
    """The format where none was asked for: annotations in a job of GitHub Actions, else text."""
    return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def tell(form: Format, problems: Sequence[Problem], files: int) -> None:
    """Print problems, and how many there are in how many files."""
    _FORMS[form](problems, files)


def lines(problems: Sequence[Problem]) -> None:
    """Print problems in the form that editors understand."""
    for problem in _gathered(problems):
        path, message = _cleaned(problem)
        output.pieces(
            (path, "bold"),
            (f":{problem.line}:{problem.column}: ", ""),
            (f"{problem.severity}[{problem.code}]", STYLES[problem.severity]),
            (f": {message}", ""),
        )


def _text(problems: Sequence[Problem], files: int) -> None:
    lines(problems)
    _summarize(problems, files)


def _json(problems: Sequence[Problem], files: int) -> None:
    output.dump(
        {"files": files} | _counts(problems) | {"problems": [asdict(problem) for problem in problems]}
    )


def _github(problems: Sequence[Problem], files: int) -> None:
    """Print workflow commands: the log shows their messages alone, so the place is in the message too."""
    for problem in _gathered(problems):
        path, message = _cleaned(problem)
        annotate(problem.severity, path, (problem.line, problem.column), problem.code, message)
    _summarize(problems, files)


def annotate(severity: str, path: str, place: tuple[int, int], title: str, message: str) -> None:
    """Print one workflow command of GitHub Actions; what is foreign in it is clean by now."""
    line, column = place
    properties = {
        "file": _in_workspace(path),
        "line": str(line),
        "col": str(column),
        "title": f"promptstage {title}",
    }
    written = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    output.say(f"::{severity} {written}::{_data(f'{path}:{line}:{column}: {message}')}")


def _gitlab(problems: Sequence[Problem], _: int) -> None:
    """Print a code quality report; a problem keeps its fingerprint when it moves to another line."""
    seen: Counter[str] = Counter()
    report = []
    for problem in problems:
        path = _in_workspace(problem.path)
        what = f"{path}\0{problem.code}\0{problem.message}"
        seen[what] += 1
        report.append(
            {
                "description": problem.message,
                "check_name": problem.code,
                "fingerprint": sha256(f"{what}\0{seen[what]}".encode("utf-8", "surrogatepass")).hexdigest(),
                "severity": _GITLAB[problem.severity],
                "location": {"path": path, "lines": {"begin": problem.line}},
            }
        )
    output.dump(report)


_FORMS: dict[Format, Callable[[Sequence[Problem], int], None]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "gitlab": _gitlab,
}


def _gathered(problems: Sequence[Problem]) -> list[Problem]:
    """Each unknown key once, at its first place, with how often it is there; everything else as it is.

    A thousand files that another tool reads, too, have ten such keys each.
    """
    places: dict[object, list[Problem]] = {}
    for number, problem in enumerate(problems):
        key = (problem.code, problem.message) if problem.code in _GATHERED else number
        places.setdefault(key, []).append(problem)
    return [replace(found[0], message=found[0].message + _count(found)) for found in places.values()]


def _count(found: Sequence[Problem]) -> str:
    files = len({problem.path for problem in found})
    among = f" in {files} files" if files > 1 else ""
    return f" ({len(found)} times{among})" if len(found) > 1 else ""


def _cleaned(problem: Problem) -> tuple[str, str]:
    return escape(os.fsencode(problem.path), WIDEST), clean(problem.message, WIDEST)


def _in_workspace(path: str) -> str:
    """The path as the pages of a CI system know it: from the top of the repository."""
    whole = Path(path).absolute()
    places = (os.environ[name] for name in _WORKSPACES if os.environ.get(name))
    return next((str(whole.relative_to(place)) for place in places if whole.is_relative_to(place)), path)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _counts(problems: Sequence[Problem]) -> dict[str, int]:
    errors = sum(problem.severity == "error" for problem in problems)
    return {"errors": errors, "warnings": len(problems) - errors}


def _summarize(problems: Sequence[Problem], files: int) -> None:
    counts = {"prompt files": files} | _counts(problems)
    words = (f"{number} {what.removesuffix('s') if number == 1 else what}" for what, number in counts.items())
    style = "bold red" if counts["errors"] else "bold yellow" if counts["warnings"] else "bold green"
    output.say(", ".join(words), style)
