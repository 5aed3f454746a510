"""Read one commit of a journal from git alone, without the data folder around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry.errors import Unavailable
from registry.journal import change
from registry.journal.change import CHANGE

if TYPE_CHECKING:
    from registry.git.command import Git, GitObject
    from registry.journal.change import Change

LIST_SECONDS = 60.0  # reading a whole journal of a million changes


def paths(git: Git, commit: str, *below: str) -> dict[str, str]:
    """List the files of a commit, or those below some folders, with their object ids. Raises GitFailed."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit, *below, timeout=LIST_SECONDS)
    return dict(_parse(line) for line in listed.split(b"\0") if line)


def history(git: Git, commit: str) -> list[str]:
    """List the ancestors of a commit, and itself, in the order of their seq. Raises GitFailed."""
    listed = git.run("rev-list", "--first-parent", "--reverse", commit, timeout=LIST_SECONDS)
    return listed.decode().split()


def oid(git: Git, expression: str) -> str:
    """Return the id of an object. Raises Unavailable (`journal_damaged`), GitFailed."""
    return _need(git, expression).oid


def data(git: Git, expression: str) -> bytes:
    """Return the bytes of an object. Raises Unavailable (`journal_damaged`), GitFailed."""
    return _need(git, expression).data


def record(git: Git, commit: str) -> Change:
    """Return the record of a commit's change.

    Raises:
        GitFailed, Unavailable: it cannot be read (`journal_damaged`), or a newer registry wrote it.
    """
    try:
        return change.parse(data(git, f"{commit}:{CHANGE}"))
    except ValidationError as error:
        raise Unavailable(
            f"the record in {commit} cannot be read: {error}", code="journal_damaged"
        ) from error


def _need(git: Git, expression: str) -> GitObject:
    found = git.read_object(expression)
    if found is None:
        raise Unavailable(f"{expression} is not there", code="journal_damaged")
    return found


def _parse(line: bytes) -> tuple[str, str]:
    """Parse one line of ``ls-tree -r -z``: mode, kind and object id, a tab, the path (ours are UTF-8)."""
    about, path = line.decode("utf-8", "backslashreplace").split("\t", 1)
    return path, about.split()[2]
