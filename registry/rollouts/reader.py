"""Reads a journal's repository: what is not as it should be there is damage, or no journal at all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry.errors import GitFailed, Unavailable
from registry.rollouts import tree
from registry.rollouts.folder import check_there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry.access.tokens import Token
    from registry.git import Git, GitObject
    from registry.rollouts.change import Change
    from registry.rollouts.state import State


@dataclass(frozen=True, slots=True)
class Entry:
    """A change and the commit that holds it."""

    commit: str
    change: Change


@dataclass(frozen=True, slots=True)
class Contents:
    """What a process keeps in memory of a journal. `commits` are in the order of their seq, from 0."""

    head: Entry
    commits: list[str]
    states: list[State]
    tokens: list[Token]


class Reader:
    """What git tells of the journal in a data folder. Everything raises Unavailable, with its meaning."""

    def __init__(self, folder: Path, git: Git) -> None:
        self._folder = folder
        self._git = git

    def entry(self, expression: str) -> Entry:
        """The change that a commit holds."""
        commit = self._need(expression).oid
        try:
            return Entry(commit, tree.record(self._git, commit))
        except Unavailable as error:
            raise Unavailable(damaged(error.message), code="journal_damaged") from error

    def below(self, paths: Mapping[str, str], folder: str) -> Iterator[bytes]:
        """The documents in a folder of a commit; `paths` are those of the commit."""
        for path, oid in paths.items():
            if path.startswith(f"{folder}/") and path.endswith(".json"):
                yield self._need(oid).data

    def look(self, expression: str) -> GitObject | None:
        """An object, or None if there is none."""
        try:
            return self._git.look(expression)
        except GitFailed as error:
            check_there(self._folder)  # git would only say that this is no repository
            raise Unavailable(damaged(error.message), code="journal_damaged") from error

    def _need(self, expression: str) -> GitObject:
        found = self.look(expression)
        if found is None:
            raise Unavailable(damaged(f"{expression} is not there"), code="journal_damaged")
        return found


@contextmanager
def readable() -> Iterator[None]:
    """Call it damage if what is read within is not what was written."""
    try:
        yield
    except (ValidationError, GitFailed) as error:
        raise Unavailable(damaged(str(error)), code="journal_damaged") from error


def damaged(what: str) -> str:
    """What is wrong with a journal, and the remedy."""
    return (
        f"the journal cannot be read: {what}. Save what can be read of it (promptstage journal recover), "
        "or restore a backup (promptstage journal restore)"
    )
