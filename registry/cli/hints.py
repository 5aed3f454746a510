"""Suggest the command to type next after a refusal."""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog.naming import FOLDER, GITHUB_FOLDER
from registry.catalog.parsing.toml_source import FILE
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT = "production"

# By the code that the registry gives; {} stands for the prompt and its place, VERSION for the one that was
# asked for, if there was one.
_IN_ENVIRONMENT = {
    "no_stable": "promote {} VERSION",
    "no_release": "promote {} VERSION",
    "no_release_then": "history {}",
    "no_rollout": "start {} VERSION",
    "rollout_active": "promote {}, or promptstage rollback {}",
    "paused": "resume {}",
    "not_paused": "status {}",
    "already_stable": "status {}",
    "nothing_to_roll_back": "history {}",
    "version_needed": "promote {} VERSION",
    "plan_ends": "promote {}",
    "guard_required": "start {} VERSION",
    "awaiting_approval": "approve {}, or promptstage reject {}",
    "nothing_to_approve": "status {}",
    "own_request": "reject {}",
    "changed": "status {}",
    "precondition_failed": "status {}",
}
_ANYWHERE = {
    "unknown_version": "doctor {}",
    "unknown_prompt": "doctor {}",
    "invalid_version": "versions {}",
}


def repository() -> str:
    """Return the prompts repository around this folder, as an argument; a folder to make if there is none."""
    top = _top(Path())
    if top is None or not any((top / kept).exists() for kept in (FOLDER, GITHUB_FOLDER, FILE)):
        return f"./{FOLDER}"
    return shlex.quote(os.path.relpath(top))


def around(folder: Path) -> str | None:
    """Return the git repository that a folder is in, as an argument; None if it is in none."""
    top = _top(folder) if folder.is_dir() else None
    return shlex.quote(os.path.relpath(top)) if top else None


def _top(folder: Path) -> Path | None:
    whole = folder.resolve()
    return next((each for each in (whole, *whole.parents) if (each / ".git").exists()), None)


@contextmanager
def helping(
    name: str, environment: str = DEFAULT, version: str | None = None, *, then: bool = False
) -> Iterator[None]:
    """Let a refusal inside the block say what to type next; `then`: it is about an earlier time."""
    try:
        yield
    except Refused as error:
        code = "no_release_then" if then and error.code == "no_release" else error.code
        command = _command(code, name, environment).replace("VERSION", version or "VERSION")
        raise error.saying(error.message + command) from error


def _command(code: str, name: str, environment: str) -> str:
    """The line that says what to type; empty where the registry's own sentence says all."""
    if known := _ANYWHERE.get(code):
        return f"\nTry:  promptstage {known.format(name)}"
    if known := _IN_ENVIRONMENT.get(code):
        place = name if environment == DEFAULT else f"{name} -e {environment}"
        return f"\nTry:  promptstage {known.replace('{}', place)}"
    return ""
