"""Survey a journal that is lost, damaged or behind: scan its objects, a mirror and Redis."""

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
from registry.system import formats, timestamps
from registry.system.formats import NEWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from registry.journal.change import Change
    from registry.journal.maintenance.replay import Place
    from registry.suites.attestation import Attestation

Model = TypeVar("Model", bound=BaseModel)

COPY_SECONDS = 900.0  # a gigabyte, read and written
STAGING = ".journal.recovering"  # in the data folder; left behind by an interrupted recovery
ASIDE = ".damaged-"  # followed by the epoch of the journal that replaced it
TRIED = 50  # changes back from the newest; if these are all damaged, the disk is


@dataclass(frozen=True, slots=True)
class Seen:
    """The content of Redis: its head, ``(0, 0)`` if there is none, the states, its clock, and the format."""

    head: Position = NOWHERE
    states: tuple[State, ...] = ()
    at: datetime | None = None
    format: int = formats.FIRST


@dataclass(slots=True)
class Found:
    """Everything that can be read, from any source.

    Attributes:
        parent: the commit of the newest change that is intact with all before it; None: there is none.
        base: the record of that change.
        pack: its objects, for a new repository, if it is not the journal's own newest change.
        problems: what is wrong with the present journal.
        states: the newest state of each prompt and environment.
        previous: the seq of the last change of each, among the kept changes.
        tokens: the newest record of each token, by id; `kept_tokens`: those among the kept changes.
        attestations: those of readable changes that are not kept, newest first.
        head: the newest change known anywhere.
        known: the newest format found anywhere.
        now: the later of the clocks here and of Redis.
        from_redis: how many states are newer in Redis.
        here, mirrored: the newest intact change in the folder and in the mirror, if any.
    """

    parent: str | None = None
    base: Change | None = None
    pack: bytes | None = None
    problems: tuple[str, ...] = ()
    states: dict[Place, State] = field(default_factory=dict)
    previous: dict[Place, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    kept_tokens: dict[str, Token] = field(default_factory=dict)
    attestations: list[Attestation] = field(default_factory=list)
    head: Position = NOWHERE
    known: int = formats.FIRST
    now: datetime = field(default_factory=timestamps.now)
    from_redis: int = 0
    here: Position | None = None
    mirrored: Position | None = None

    @property
    def format(self) -> int:
        """The format that a recovery writes: that of what is found, unless it takes a newer one."""
        return max(self.known, formats.EPOCHS_GO_BACK) if self.goes_back else self.known

    @property
    def goes_back(self) -> bool:
        """Whether a recovery returns to an earlier epoch, as a wrong clock put this one into the future."""
        return next_epoch(self.head[0], self.now) < self.head[0]

    @property
    def lost(self) -> tuple[Position, Position] | None:
        """The newest kept change and the newest known one, if changes between them are lost."""
        kept = self.base.position if self.base else Position(self.head.epoch, -1)
        return (kept, self.head) if is_newer(self.head, kept) else None

    def take_record(self, record: Change) -> None:
        """Take over a record of a damaged journal; records come newest first."""
        self.head = newest(self.head, record.position)
        self.known = max(self.known, record.format)
        self.take([record.state] if record.state else [])
        token = record.token
        if token and (token.id not in self.tokens or token.revoked_at):
            self.tokens[token.id] = token
        if record.attestation:
            self.attestations.append(record.attestation)

    def take(self, states: Iterable[State]) -> int:
        """Take over newer states; return how many were newer."""
        newer = 0
        for state in states:
            place = (state.environment, state.prompt)
            if place not in self.states or is_newer(state.position, self.states[place].position):
                self.states[place] = state
                newer += 1
        return newer


@dataclass(frozen=True, slots=True)
class _Whole:
    """A change that is intact with all before it; `pack` is a copy of them, if needed."""

    git: Git
    commit: str
    record: Change
    pack: bytes | None = None


def scan(
    folder: Path, seen: Seen, progress: Callable[[str], object] = lambda _: None, mirror: Path | None = None
) -> Found:
    """Read what is left of a journal, and what a mirror or Redis has newer. Changes nothing.

    Args:
        folder: the data folder.
        seen: the content of Redis.
        progress: called with progress messages.
        mirror: a folder with a verified copy of a mirror.

    Raises:
        Unavailable: none of them has anything (`journal_missing`), or the mirror has another journal
            (`not_ours`).
    """
    now = timestamps.now()
    found = Found(now=max(now, seen.at or now), known=seen.format)
    source = next((path for path in _sources(folder) if path.exists()), None)
    if source == folder / REPOSITORY:
        found.problems = verify(folder, progress).problems
    else:
        found.problems = (f"there is no {REPOSITORY}",)
    with ExitStack() as opened:
        local, copy = (
            opened.enter_context(closing(Git(path))) if path else None
            for path in (source, mirror and mirror / REPOSITORY)
        )
        if source and mirror:  # an object damaged here may be intact there: git takes the good one
            borrowed = mirror / REPOSITORY / "objects/info/alternates"
            borrowed.write_text(f"{source.absolute() / 'objects'}\n")
        _read(local, copy, found, progress)
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
    """Yield the places of a journal: its own, and that of an interrupted recovery."""
    yield folder / REPOSITORY
    yield folder / STAGING / REPOSITORY
    yield from sorted(folder.glob(f"{REPOSITORY}{ASIDE}*"), reverse=True)


def _read(local: Git | None, mirror: Git | None, found: Found, progress: Callable[[str], object]) -> None:
    """Choose the base, the journal's own or the mirror's; then read everything newer."""
    readable: list[tuple[Position, str]] = []
    here: _Whole | None = None
    there = _whole(mirror, tree.oid(mirror, BRANCH)) if mirror is not None else None
    if local is not None:
        if found.problems:
            progress("searching for the newest intact change")
            readable = _newest_first(local)
            here = _newest_whole(mirror or local, [commit for _, commit in readable])
        else:
            here = _whole(local, tree.oid(local, BRANCH))
    found.here = here.record.position if here else None
    if there is not None:
        found.mirrored = there.record.position
        diverged = _take_diverged(here, there, found) if here else ()
        if found.here is None or is_newer(found.mirrored, found.here) or diverged:
            found.problems = (*found.problems, *diverged) or ("the journal is older than its mirror",)
            here = replace(there, pack=_pack(there.git, there.commit))
    whole = here.record.position if here else NOWHERE
    for position, commit in readable:
        # Older records are among the intact changes, or never counted.
        if local is not None and is_newer(position, whole):
            found.take_record(tree.record(local, commit))
    if here is not None:
        _go_on_from(here, found)


def _take_diverged(here: _Whole, there: _Whole, found: Found) -> tuple[str, ...]:
    """Take the folder's own changes where the mirror has others instead; return the problem, if so.

    An old copy that was started with an empty Redis has changes of its own. The mirror never lost one, so its
    history is kept.
    """
    ours, theirs = (tree.history(whole.git, whole.commit) for whole in (here, there))
    _check_same(ours, theirs)
    if there.commit in ours or here.commit in theirs:
        return ()
    shared = set(theirs)
    diverged = [commit for commit in ours if commit not in shared]
    for commit in reversed(diverged):
        found.take_record(tree.record(here.git, commit))
    fork = tree.record(here.git, f"{diverged[0]}^").position
    what = f"the journal and its mirror went different ways after {fork}; what either has is taken"
    return (f"{what} (only what is here: --without-mirror)",)


def _check_same(ours: list[str], theirs: list[str]) -> None:
    """Require a mirror with the same first change; another journal's was named by mistake."""
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
    found.known = max(found.known, whole.record.format)
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
    """Yield every readable change with its commit, wherever the branch points."""
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
            if error.code == NEWER:  # skipping it would lose it
                raise


def _newest_first(git: Git) -> list[tuple[Position, str]]:
    """List the readable changes; of two with one number the branch's own is the acknowledged one."""
    head = None
    with suppress(Unavailable):
        head = tree.oid(git, BRANCH)
    read = sorted(
        (rank(record.position), commit == head, commit, record.position) for commit, record in _records(git)
    )
    return [(position, commit) for _, _, commit, position in reversed(read)]


def _newest_whole(git: Git, commits: list[str]) -> _Whole | None:
    """Return the first of some commits that can be copied with all its objects."""
    for commit in commits[:TRIED]:
        with suppress(Unavailable):
            return replace(_whole(git, commit), pack=_pack(git, commit))
    return None


def _whole(git: Git, commit: str) -> _Whole:
    return _Whole(git, commit, tree.record(git, commit))


def _pack(git: Git, commit: str) -> bytes:
    """Return a copy of a commit with all its objects. Raises GitFailed if one is missing or damaged."""
    return git.run(
        "pack-objects", "--revs", "--stdout", "--quiet",
        data=f"{commit}\n".encode(), timeout=COPY_SECONDS,
    )  # fmt: skip
