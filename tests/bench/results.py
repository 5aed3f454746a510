"""What was measured, as JSON: one file a subject, or one file of all that is kept with the code."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.measure import Row

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BENCH_RESULTS", ROOT / ".bench"))
"""Where each run leaves what it measured."""
KEPT = Path(__file__).with_name("figures.json")
"""The run whose figures the documentation shows."""

Json = dict[str, Any]
Subjects = dict[str, list[Json]]


def save(subject: str, rows: Iterable[Row]) -> None:
    """Keep what was measured of a subject, and on what machine."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    body = {**_about(), "rows": [row.to_json() for row in rows]}
    (FOLDER / f"{subject}.json").write_text(json.dumps(body, indent=1))


def keep(folder: Path = FOLDER, file: Path = KEPT) -> None:
    """Put the subjects of a run into the one file, each in place of what was known of it before."""
    subjects = json.loads(file.read_text()) if file.exists() else {}
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    file.write_text(json.dumps(subjects | found, indent=1) + "\n")


def load(path: Path) -> Subjects:
    """The rows of each subject, from a folder of a run, a subject's file, or the file of all.

    Raises:
        FileNotFoundError: nothing is there.
    """
    if path.is_dir():
        found = {file.stem: json.loads(file.read_text()) for file in sorted(path.glob("*.json"))}
    else:
        body = json.loads(path.read_text())
        found = {path.stem: body} if "rows" in body else body
    if not found:
        raise FileNotFoundError(f"{path} has no results of the bench")
    return {subject: body["rows"] for subject, body in found.items()}


def row(subjects: Subjects, subject: str, work: str, prompts: int | None = None) -> Json | None:
    """One row; None: it was not measured."""
    found = (row for row in subjects.get(subject, ()) if (row["work"], row["prompts"]) == (work, prompts))
    return next((row for row in found if row["value"] is not None), None)


def _about() -> Json:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "commit": commit.stdout.strip() or None,
    }
