"""What can still be known when a journal is missing, damaged or behind: of its objects, and of Redis."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from registry.access.tokens import Token
from registry.errors import Unavailable
from registry.git import Git
from registry.rollouts import change as at
from registry.rollouts import tree
from registry.rollouts.commit import BRANCH
from registry.rollouts.journal import REPOSITORY
from registry.rollouts.state import State
from registry.rollouts.upkeep.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from registry.rollouts.change import Change
    from registry.rollouts.upkeep.chain import Place

Model = TypeVar("Model", bound=BaseModel)
Position = tuple[int, int]  # epoch, seq

COPY_SECONDS = 900.0  # a gigabyte, read and written
STAGING = ".journal.recovering"  # in the data folder; what a recovery leaves that was cut off
ASIDE = ".damaged-"  # and the epoch of the journal that took its place
TRIED = 50  # changes back from the newest; where these are all damaged, the disk is


@dataclass(frozen=True, slots=True)
class Seen:
    """What a Redis holds: its head, ``(0, 0)`` if there is none, and the states."""

    head: tuple[int, int] = (0, 0)
    states: tuple[State, ...] = ()


@dataclass(slots=True)
class Found:
    """What can be read, wherever it is.

    Attributes:
        parent: the newest change of the journal that is whole with all before it, as a commit; None: none.
        base: the record of that change.
        pack: where that is not the journal's own newest change, all that belongs to it, for a new one.
        problems: what is wrong with the journal as it is.
        states: the newest state of each prompt and environment.
        previous: the seq of the last change of each, in what is kept.
        tokens: the newest record of each token, by id; `kept_tokens` those in what is kept.
        head: the newest change that anybody has seen.
        from_redis: how many states Redis knows better.
    """

    parent: str | None = None
    base: Change | None = None
    pack: bytes | None = None
    problems: tuple[str, ...] = ()
    states: dict[Place, State] = field(default_factory=dict)
    previous: dict[Place, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    kept_tokens: dict[str, Token] = field(default_factory=dict)
    head: tuple[int, int] = (0, 0)
    from_redis: int = 0

    def take_record(self, record: Change) -> None:
        """Take over what a change of a damaged journal says; they come newest first."""
        self.head = max(self.head, record.position)
        self.take([record.state] if record.state else [])
        token = record.token
        if token and (token.id not in self.tokens or token.revoked_at):
            self.tokens[token.id] = token

    def take(self, states: Iterable[State]) -> int:
        """Take states over that are newer; returns how many were."""
        newer = 0
        for state in states:
            place = (state.environment, state.prompt)
            if place not in self.states or self.states[place].position < state.position:
                self.states[place] = state
                newer += 1
        return newer


def look(folder: Path, seen: Seen, tell: Callable[[str], object] = lambda _: None) -> Found:
    """Find what can be read of a journal, and what Redis knows better. Changes nothing.

    Raises:
        Unavailable: neither holds anything (`journal_missing`).
    """
    found = Found()
    source = next((path for path in _sources(folder) if path.exists()), folder)
    if source == folder / REPOSITORY:
        found.problems = verify(folder, tell).problems
    else:
        found.problems = (f"there is no {REPOSITORY}",)
    if source != folder:
        with closing(Git(source)) as git:
            _read_journal(git, found, tell)
    found.from_redis = found.take(seen.states)
    found.head = max(found.head, seen.head, *(state.position for state in found.states.values()))
    if found.head == (0, 0):
        raise Unavailable(
            f"nothing can be recovered: neither {folder} nor Redis holds a change. Restore a backup "
            "(promptstage journal restore), or begin anew in an empty folder",
            code="journal_missing",
        )
    return found


def _sources(folder: Path) -> Iterator[Path]:
    """Where a journal may be: in its place, or where a recovery left it that was cut off."""
    yield folder / REPOSITORY
    yield folder / STAGING / REPOSITORY
    yield from sorted(folder.glob(f"{REPOSITORY}{ASIDE}*"), reverse=True)


def _read_journal(git: Git, found: Found, tell: Callable[[str], object]) -> None:
    parent: str | None
    if not found.problems:
        parent = tree.oid(git, BRANCH)
    else:
        tell("looking for the newest change that is whole")
        readable = _newest_first(git)
        parent = _newest_whole(git, [commit for _, commit in readable], found)
        whole = tree.record(git, parent).position if parent else (0, 0)
        for position, commit in readable:
            if position > whole:  # all that is older is in what is whole, or was never acknowledged
                found.take_record(tree.record(git, commit))
    if parent is None:
        return
    found.parent, found.base = parent, tree.record(git, parent)
    found.head = max(found.head, found.base.position)
    paths = tree.paths(git, parent, at.STATES, at.TOKENS)
    states = [_parsed(State, git, oid) for path, oid in paths.items() if path.startswith(at.STATES)]
    found.take(states)
    found.previous = {(state.environment, state.prompt): state.seq for state in states}
    kept = [_parsed(Token, git, oid) for path, oid in paths.items() if path.startswith(at.TOKENS)]
    found.kept_tokens = {token.id: token for token in kept}
    found.tokens = found.kept_tokens | found.tokens


def _parsed(kind: type[Model], git: Git, oid: str) -> Model:
    try:
        return kind.model_validate_json(tree.data(git, oid))
    except ValidationError as error:
        raise Unavailable(f"{oid} is no {kind.__name__}: {error}", code="journal_damaged") from error


def _records(git: Git) -> Iterator[tuple[str, Change]]:
    """Every change that can be read, with its commit, wherever the branch may point."""
    try:
        listed = git.run(
            "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)",
            timeout=COPY_SECONDS,
        )  # fmt: skip
    except Unavailable:
        return
    for line in listed.decode().splitlines():
        kind, _, oid = line.partition(" ")
        if kind == "commit":
            with suppress(Unavailable):
                yield oid, tree.record(git, oid)


def _newest_first(git: Git) -> list[tuple[Position, str]]:
    """The changes that can be read; of two with one number the branch's own is the acknowledged one."""
    head = None
    with suppress(Unavailable):
        head = tree.oid(git, BRANCH)
    read = sorted((record.position, commit == head, commit) for commit, record in _records(git))
    return [(position, commit) for position, _, commit in reversed(read)]


def _newest_whole(git: Git, commits: list[str], found: Found) -> str | None:
    """The first of some commits that can be copied with all that belongs to it; `found` gets the copy."""
    for commit in commits[:TRIED]:
        with suppress(Unavailable):
            found.pack = git.run(
                "pack-objects", "--revs", "--stdout", "--quiet",
                data=commit.encode() + b"\n", timeout=COPY_SECONDS,
            )  # fmt: skip
            return commit
    return None
