"""Survey a journal that is lost, damaged or behind: its objects, a mirror, and Redis."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from registry.access.tokens import Token
from registry.errors import Unavailable
from registry.git.command import Git
from registry.journal import change as at
from registry.journal import tree
from registry.journal.directory import REPOSITORY, command
from registry.journal.fast_import import BRANCH
from registry.journal.maintenance.verify import verify
from registry.journal.position import is_newer, newest, next_epoch, rank
from registry.rollouts.position import NOWHERE, Position
from registry.rollouts.state import State
from registry.system import timestamps
from registry.system.formats import NEWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from registry.journal.change import Change
    from registry.journal.maintenance.replay import Place

Model = TypeVar("Model", bound=BaseModel)

COPY_SECONDS = 900.0  # a gigabyte, read and written
STAGING = ".journal.recovering"  # in the data folder; what a recovery leaves that was cut off
ASIDE = ".damaged-"  # and the epoch of the journal that took its place
TRIED = 50  # changes back from the newest; where these are all damaged, the disk is


@dataclass(frozen=True, slots=True)
class Seen:
    """What a Redis holds: its head, ``(0, 0)`` if there is none, and the states; and what its clock shows."""

    head: Position = NOWHERE
    states: tuple[State, ...] = ()
    at: datetime | None = None


@dataclass(slots=True)
class Found:
    """Everything that can be read, wherever it is.

    Attributes:
        parent: the newest change of the journal that is whole with all before it, as a commit; None: none.
        base: the record of that change.
        pack: where that is not the journal's own newest change, all that belongs to it, for a new one.
        problems: what is wrong with the journal as it is.
        states: the newest state of each prompt and environment.
        previous: the seq of the last change of each, in what is kept.
        tokens: the newest record of each token, by id; `kept_tokens` those in what is kept.
        head: the newest change that anybody has seen.
        now: what the clocks here show, that of Redis too; of two that differ the later one.
        from_redis: how many states Redis knows better.
        here, mirrored: the newest change that is whole in the folder, and in the mirror, as far as there is.
    """

    parent: str | None = None
    base: Change | None = None
    pack: bytes | None = None
    problems: tuple[str, ...] = ()
    states: dict[Place, State] = field(default_factory=dict)
    previous: dict[Place, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    kept_tokens: dict[str, Token] = field(default_factory=dict)
    head: Position = NOWHERE
    now: datetime = field(default_factory=timestamps.now)
    from_redis: int = 0
    here: Position | None = None
    mirrored: Position | None = None

    @property
    def goes_back(self) -> bool:
        """Whether a recovery leaves the epoch for an earlier one, as a wrong clock put it into the future."""
        return next_epoch(self.head[0], self.now) < self.head[0]

    @property
    def lost(self) -> tuple[Position, Position] | None:
        """The newest change that is kept, and the newest that was seen, if there were any in between."""
        kept = self.base.position if self.base else Position(self.head.epoch, -1)
        return (kept, self.head) if is_newer(self.head, kept) else None

    def take_record(self, record: Change) -> None:
        """Take over what a change of a damaged journal says; they come newest first."""
        self.head = newest(self.head, record.position)
        self.take([record.state] if record.state else [])
        token = record.token
        if token and (token.id not in self.tokens or token.revoked_at):
            self.tokens[token.id] = token

    def take(self, states: Iterable[State]) -> int:
        """Take states over that are newer; returns how many were."""
        newer = 0
        for state in states:
            place = (state.environment, state.prompt)
            if place not in self.states or is_newer(state.position, self.states[place].position):
                self.states[place] = state
                newer += 1
        return newer


@dataclass(frozen=True, slots=True)
class _Whole:
    """A change that is whole with all before it; `pack` is a copy of that, where one is needed."""

    git: Git
    commit: str
    record: Change
    pack: bytes | None = None


def scan(
    folder: Path, seen: Seen, tell: Callable[[str], object] = lambda _: None, mirror: Path | None = None
) -> Found:
    """Find what can be read of a journal, and what a mirror or Redis knows better. Changes nothing.

    Args:
        folder: the data folder.
        seen: what Redis holds.
        tell: is told how far it is.
        mirror: a folder with a verified copy of what a mirror holds.

    Raises:
        Unavailable: none of them holds anything (`journal_missing`), or the mirror holds another journal
            (`not_ours`).
    """
    now = timestamps.now()
    found = Found(now=max(now, seen.at or now))
    source = next((path for path in _sources(folder) if path.exists()), None)
    if source == folder / REPOSITORY:
        found.problems = verify(folder, tell).problems
    else:
        found.problems = (f"there is no {REPOSITORY}",)
    with ExitStack() as opened:
        local, copy = (
            opened.enter_context(closing(Git(path))) if path else None
            for path in (source, mirror and mirror / REPOSITORY)
        )
        if source and mirror:  # what is damaged here may be whole there: git takes the good one of the two
            borrowed = mirror / REPOSITORY / "objects/info/alternates"
            borrowed.write_text(f"{source.absolute() / 'objects'}\n")
        _read(local, copy, found, tell)
    found.from_redis = found.take(seen.states)
    found.head = newest(found.head, seen.head, *(state.position for state in found.states.values()))
    if found.head == NOWHERE:
        raise Unavailable(
            f"nothing can be recovered: neither {folder} nor Redis holds a change. Name a mirror "
            f"({command(folder, 'recover --mirror URL')}), restore a backup "
            f"({command(folder, 'restore FILE')}), or start again with an empty folder",
            code="journal_missing",
        )
    return found


def _sources(folder: Path) -> Iterator[Path]:
    """Where a journal may be: in its place, or where a recovery left it that was cut off."""
    yield folder / REPOSITORY
    yield folder / STAGING / REPOSITORY
    yield from sorted(folder.glob(f"{REPOSITORY}{ASIDE}*"), reverse=True)


def _read(local: Git | None, mirror: Git | None, found: Found, tell: Callable[[str], object]) -> None:
    """Choose what to go on from, the journal's own or the mirror's; then see what is newer than that."""
    readable: list[tuple[Position, str]] = []
    here: _Whole | None = None
    there = _whole(mirror, tree.oid(mirror, BRANCH)) if mirror is not None else None
    if local is not None:
        if found.problems:
            tell("looking for the newest change that is whole")
            readable = _newest_first(local)
            here = _newest_whole(mirror or local, [commit for _, commit in readable])
        else:
            here = _whole(local, tree.oid(local, BRANCH))
    found.here = here.record.position if here else None
    if there is not None:
        found.mirrored = there.record.position
        parted = _take_parted(here, there, found) if here else ()
        if found.here is None or is_newer(found.mirrored, found.here) or parted:
            found.problems = (*found.problems, *parted) or ("the journal is older than its mirror",)
            here = replace(there, pack=_pack(there.git, there.commit))
    whole = here.record.position if here else NOWHERE
    for position, commit in readable:
        # What is older is in what is whole, or never counted.
        if local is not None and is_newer(position, whole):
            found.take_record(tree.record(local, commit))
    if here is not None:
        _go_on_from(here, found)


def _take_parted(here: _Whole, there: _Whole, found: Found) -> tuple[str, ...]:
    """Take what only this folder has, where the mirror has other changes instead; says so, if it is so.

    An old copy that was started with an empty Redis took changes of its own. The mirror never lost one, so
    the history is the mirror's.
    """
    ours, theirs = (tree.history(whole.git, whole.commit) for whole in (here, there))
    _check_same(ours, theirs)
    if there.commit in ours or here.commit in theirs:
        return ()
    shared = set(theirs)
    parted = [commit for commit in ours if commit not in shared]
    for commit in reversed(parted):
        found.take_record(tree.record(here.git, commit))
    fork = tree.record(here.git, f"{parted[0]}^").position
    what = f"the journal and its mirror went different ways after {fork}; what either has is taken"
    return (f"{what} (only what is here: --without-mirror)",)


def _check_same(ours: list[str], theirs: list[str]) -> None:
    """Let a mirror pass that began with the same change; another journal's is named by mistake."""
    if ours[0] != theirs[0]:
        raise Unavailable(
            "the mirror holds another journal than this folder: they began with different changes. Name this "
            "one's with --mirror, or go on --without-mirror",
            code="not_ours",
        )


def _go_on_from(whole: _Whole, found: Found) -> None:
    git = whole.git
    found.parent, found.base, found.pack = whole.commit, whole.record, whole.pack
    found.head = newest(found.head, whole.record.position)
    paths = tree.paths(git, whole.commit, at.STATES, at.TOKENS)
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
        if kind != "commit":
            continue
        try:
            yield oid, tree.record(git, oid)
        except Unavailable as error:
            if error.code == NEWER:  # to pass over it would be to lose it
                raise


def _newest_first(git: Git) -> list[tuple[Position, str]]:
    """The changes that can be read; of two with one number the branch's own is the acknowledged one."""
    head = None
    with suppress(Unavailable):
        head = tree.oid(git, BRANCH)
    read = sorted(
        (rank(record.position), commit == head, commit, record.position) for commit, record in _records(git)
    )
    return [(position, commit) for _, _, commit, position in reversed(read)]


def _newest_whole(git: Git, commits: list[str]) -> _Whole | None:
    """The first of some commits that can be copied with all that belongs to it."""
    for commit in commits[:TRIED]:
        with suppress(Unavailable):
            return replace(_whole(git, commit), pack=_pack(git, commit))
    return None


def _whole(git: Git, commit: str) -> _Whole:
    return _Whole(git, commit, tree.record(git, commit))


def _pack(git: Git, commit: str) -> bytes:
    """A copy of a commit with all that belongs to it. Raises GitFailed where that is not whole."""
    return git.run(
        "pack-objects", "--revs", "--stdout", "--quiet",
        data=f"{commit}\n".encode(), timeout=COPY_SECONDS,
    )  # fmt: skip
