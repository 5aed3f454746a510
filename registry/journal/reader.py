"""Read a journal's repository, and report anything unexpected as damage or a missing journal."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry.errors import GitFailed, Unavailable
from registry.git.command import OBJECT_LIMIT, Wanted
from registry.journal import tree
from registry.journal.change import CHANGE, parse
from registry.journal.directory import check_there, damaged
from registry.system.formats import NEWER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from registry.access.tokens import Token
    from registry.git.command import Git, GitObject
    from registry.journal.change import Change
    from registry.rollouts.state import State


@dataclass(frozen=True, slots=True)
class Entry:
    """A change and its commit."""

    commit: str
    change: Change


@dataclass(frozen=True, slots=True)
class Contents:
    """A journal's content in a process's memory. `commits` are in the order of their seq, from 0."""

    head: Entry
    commits: list[str]
    states: list[State]
    tokens: list[Token]


class Reader:
    """Reads the journal of a data folder. All failures are raised as Unavailable, with their meaning."""

    def __init__(self, folder: Path, git: Git) -> None:
        self._folder = folder
        self._git = git

    def entry(self, expression: str) -> Entry:
        """Read the change of a commit."""
        commit = self._sound(self.read_object(expression), expression).oid
        try:
            return Entry(commit, tree.record(self._git, commit))
        except GitFailed as error:
            raise unreadable(self._folder, error) from error
        except Unavailable as error:
            if error.code == NEWER:
                raise
            raise damaged(self._folder, error.message) from error

    def changes(self, commits: Sequence[str]) -> Iterator[Change]:
        """Read the changes of some commits, in their order."""
        wanted = [Wanted(f"{commit}:{CHANGE}", OBJECT_LIMIT) for commit in commits]
        for (expression, _), found in zip(wanted, self._git.read_objects(wanted), strict=True):
            with readable(self._folder):
                yield parse(self._sound(found, expression).data)

    def below(self, paths: Mapping[str, str], folder: str) -> Iterator[bytes]:
        """Read the documents in a folder of a commit; `paths` are those of the commit."""
        wanted = [
            Wanted(oid, OBJECT_LIMIT)
            for path, oid in paths.items()
            if path.startswith(f"{folder}/") and path.endswith(".json")
        ]
        for (oid, _), found in zip(wanted, self._git.read_objects(wanted), strict=True):
            yield self._sound(found, oid).data

    def read_object(self, expression: str) -> GitObject | None:
        """Read an object; None if it does not exist."""
        try:
            return self._git.read_object(expression)
        except GitFailed as error:
            raise self._cannot(error) from error

    def _sound(self, found: GitObject | GitFailed | None, expression: str) -> GitObject:
        if isinstance(found, GitFailed):
            raise self._cannot(found) from found
        if found is None:
            raise damaged(self._folder, f"{expression} is not there")
        return found

    def _cannot(self, error: GitFailed) -> Unavailable:
        check_there(self._folder)  # git would only report that this is no repository
        return unreadable(self._folder, error)


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Raise as damage any content read within that is not valid."""
    try:
        yield
    except GitFailed as error:
        raise unreadable(folder, error) from error
    except ValidationError as error:
        raise damaged(folder, str(error)) from error


def unreadable(folder: Path, error: GitFailed) -> Unavailable:
    """Explain a failed read of git: damage, or a failing machine."""
    if error.passing:
        return Unavailable(
            f"the journal cannot be read now: {error.message}; it is tried again", code="journal_unreadable"
        )
    return damaged(folder, error.message)
