"""Other people's processes, as they really run: supervisors, workers and pools around an application.

Each part is a module of its own with ``prove(*, full)``, and void where its tool is missing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING

from faults.scenario import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

# What each part needs: a module that Python finds, or a program.
PARTS = {
    "supervisors": "uvicorn",
    "celery_workers": "celery",
    "prefork_servers": "gunicorn",
}


def prove(*, full: bool) -> Iterator[Result]:
    """Every part whose tool is there."""
    for part, tool in PARTS.items():
        if find_spec(tool) or which(tool):
            yield from import_module(f"faults.{part}").prove(full=full)
        else:
            yield Result(part, 0, void=f"{tool} is not installed")
