"""A repository on disk: check that git here can use it, and remove the leftovers of a killed git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASK_SECONDS = 10.0  # git answers in milliseconds; only a disk that hangs takes longer
_EXTENSION = re.compile(r"(?:unknown repository|v1-only) extensions? found:\s*(\S+)")
_FORMAT = re.compile(r"[Ee]xpected git repo version <= (\d+), found (\d+)")
# What the other side says before it ends; the git of a fetch may say it, too, of an object that is nowhere.
_PARTIAL = re.compile(r"from promisor remote\b.*hung up|remote: fatal: .*from promisor remote", re.DOTALL)
_UNFINISHED = ("tmp_", ".tmp-")  # prefixes of git's unfinished files
_NAMED = 2  # characters of the name of an objects folder: the first of their ids
SHA256 = (
    "it has SHA-256 objects, which Promptstage cannot read; make one with SHA-1 objects "
    "(git init --object-format=sha1) and push the files and tags there"
)


def unsupported(folder: Path) -> str | None:
    """Return why Promptstage cannot use the repository of a folder, with the remedy.

    Returns:
        None if it can, and also if there is no repository, or no git: other checks report that better.
    """
    program = shutil.which("git")
    if program is None:
        return None
    asked = ("-C", str(folder), "-c", "safe.directory=*", "rev-parse", "--show-object-format")
    done = subprocess.run(  # noqa: S603 - a list, and no shell
        ["/usr/bin/env", "LC_ALL=C", program, *asked], capture_output=True, check=False, timeout=ASK_SECONDS
    )
    if done.stdout.strip() == b"sha256":
        return SHA256
    return explained(done.stderr.decode("utf-8", "replace")) if done.returncode else None


def explained(words: str) -> str | None:
    """Return the reason in git's messages why it cannot use a repository as it is, or None."""
    if found := _EXTENSION.search(words):
        return (
            f"it uses the extension {found[1]!r}, which git here does not know; install a newer git, "
            "or push its files and tags to a repository without that"
        )
    if found := _FORMAT.search(words):
        return f"it has format {found[2]}, and git here knows none after {found[1]}; install a newer git"
    if _PARTIAL.search(words):
        return (
            "it is a partial clone, which lacks the contents of files; name the repository that it was "
            "cloned from, or a whole clone"
        )
    if "mismatched algorithms" in words or "hash algorithm" in words:
        return SHA256
    return None


def sweep(repository: Path) -> None:
    """Remove what a killed git left unfinished. The caller must hold the lock of all writers."""
    for path in _unfinished(repository / "objects"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _unfinished(objects: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        for entry in os.scandir(objects):
            if entry.name.startswith(_UNFINISHED):
                yield objects / entry.name
            elif entry.name == "pack" or len(entry.name) == _NAMED:
                yield from sweepable(objects / entry.name)


def sweepable(folder: Path) -> list[Path]:
    """List the unfinished files in one folder of objects or packs."""
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.name.startswith(_UNFINISHED)]
    except (FileNotFoundError, NotADirectoryError):
        return []
