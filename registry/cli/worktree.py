"""The author's own git, with the author's own configuration, in the author's repository.

The service runs git in a sealed environment (`registry.git`); here it must be the other way round:
identity, hooks, signing and credentials are the author's.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from registry.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

WORDS_SHOWN = 500  # characters of git's own words in an error


def is_repository(folder: Path) -> bool:
    """Whether this very folder (not one above it) is a git repository, bare or with a worktree."""
    return any(_succeeds("rev-parse", "--resolve-git-dir", str(place)) for place in (folder / ".git", folder))


def _succeeds(*arguments: str) -> bool:
    return _run(*arguments).returncode == 0


def _run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run git and wait; a push may ask for a password, so there is no deadline and stdin is the author's."""
    program = shutil.which("git")
    if program is None:
        raise Unavailable("git is not installed, or not on the PATH; install it")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603
