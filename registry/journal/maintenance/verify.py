"""Verify a journal: every object, every change, and the states that result. Only reads."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from registry.access.tokens import Token
from registry.errors import Unavailable
from registry.git.command import Git
from registry.journal import change as at
from registry.journal import tree
from registry.journal.directory import MARKER, REPOSITORY, damaged, require
from registry.journal.fast_import import BRANCH
from registry.journal.maintenance.pack import room
from registry.journal.maintenance.replay import replay
from registry.rollouts.state import State
from registry.system.formats import NEWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from registry.journal.change import Change
    from registry.journal.maintenance.replay import Replay
    from registry.rollouts.position import Position
    from registry.suites.attestation import Attestation

CHECK_SECONDS = 900.0  # git reads every byte; a gigabyte takes some 20 s
TOLD = 1000  # changes between two progress messages


@dataclass(frozen=True, slots=True)
class Report:
    """The content of a journal at its newest change, and its problems."""

    changes: int
    states: int
    versions: int
    tokens: int
    size: int
    newest: Change | None
    commit: str
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "changes": self.changes,
            "states": self.states,
            "versions": self.versions,
            "tokens": self.tokens,
            "bytes": self.size,
            "newest": self.newest and {"epoch": self.newest.epoch, **self.newest.to_json(self.commit)},
            "format": self.newest and self.newest.format,
            "problems": list(self.problems),
        }


def verify(folder: Path, progress: Callable[[str], object] = lambda _: None) -> Report:
    """Verify a data folder's journal as it is at one moment; a registry may keep writing.

    Args:
        folder: the data folder.
        progress: called with progress messages.

    Raises:
        Unavailable: there is no journal (`journal_missing`), or it is a newer registry's.
    """
    require(folder)
    with closing(Git(folder / REPOSITORY)) as git:
        problems = [*_marker(folder / MARKER), *_objects(git, progress)]
        try:
            return _read(git, room(folder / REPOSITORY), problems, progress)
        except Unavailable as error:
            if error.code == NEWER:
                raise
            problems.append(error.message)
            return Report(0, 0, 0, 0, room(folder / REPOSITORY), None, "", tuple(problems))


def newest(folder: Path) -> tuple[Position, Callable[[int], datetime]]:
    """Return the newest change of a journal, and a function from a change's number to its time."""
    require(folder)
    with closing(Git(folder / REPOSITORY)) as git:
        try:
            head = tree.oid(git, BRANCH)
            position = tree.record(git, head).position
        except Unavailable as error:
            raise error if error.code == NEWER else damaged(folder, error.message) from error

    def made_at(seq: int) -> datetime:
        with closing(Git(folder / REPOSITORY)) as git:
            return tree.record(git, tree.history(git, head)[seq]).at

    return position, made_at


def _read(git: Git, size: int, problems: list[str], progress: Callable[[str], object]) -> Report:
    head = tree.oid(git, BRANCH)
    commits = tree.history(git, head)
    done = replay(_records(git, commits, progress))
    progress("comparing the resulting states with the stored ones")
    paths = tree.paths(git, head)
    early = _tokens(
        git, tree.paths(git, commits[0], at.TOKENS)
    )  # tokens of the creation have no change of their own
    kept = {at.state_path(*place): state for place, state in done.states.items()}
    attested = {at.attestations_path(*of): found for of, found in done.attestations.items()}
    held = {at.token_path(token.id): token for token in (early | done.tokens).values()}
    problems += done.faults
    problems += _misplaced(
        paths, {at.CHANGE, *kept, *held, *attested, *_contents(done), *_requests(paths, done)}
    )
    problems += _records_differ(git, paths, {**kept, **held})
    problems += _attestations_differ(git, paths, attested)
    problems += _requests_differ(git, paths, done)
    problems += _bytes_differ(git, paths, done)
    versions = sum(path.startswith(f"{at.VERSIONS}/") for path in paths)
    return Report(len(commits), len(kept), versions, len(held), size, done.newest, head, tuple(problems))


def _records(git: Git, commits: list[str], progress: Callable[[str], object]) -> Iterator[Change]:
    for read, commit in enumerate(commits):
        if read % TOLD == 0:
            progress(f"{read} of {len(commits)} changes read")
        yield tree.record(git, commit)


def _marker(path: Path) -> Iterator[str]:
    try:
        json.loads(path.read_bytes())["format"]
    except (OSError, ValueError, KeyError, TypeError):
        yield f"{path.name}, which marks a journal as whole, is missing or cannot be read"


def _objects(git: Git, progress: Callable[[str], object]) -> Iterator[str]:
    progress("git checks every object")
    try:
        git.run("fsck", "--strict", "--full", "--no-dangling", "--no-progress", timeout=CHECK_SECONDS)
    except Unavailable as error:
        yield error.message


def _tokens(git: Git, paths: dict[str, str]) -> dict[str, Token]:
    """Return the valid tokens of a commit."""
    found = {}
    for oid in paths.values():
        with suppress(ValidationError):
            token = Token.model_validate_json(tree.data(git, oid))
            found[token.id] = token
    return found


def _contents(done: Replay) -> dict[str, set[tuple[str, str, str]]]:
    """Return the expected paths of versions' bytes, each with prompt, version and digest."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for prompt, ref in done.refs:
        path = at.content_path(prompt, ref.version)
        found.setdefault(path, set()).add((prompt, ref.version, ref.digest))
    return found


def _requests(paths: dict[str, str], done: Replay) -> dict[str, int]:
    """Return the actual or expected path of each idempotency record, and the change that it names."""
    found: dict[str, int] = {}
    for scope, seq in done.requests.items():
        path, former = at.request_paths(scope)
        found[former if former in paths and path not in paths else path] = seq
    return found


def _misplaced(paths: dict[str, str], expected: set[str]) -> Iterator[str]:
    for path in sorted(paths.keys() ^ expected):
        yield f"{path} is {'there without a change' if path in paths else 'missing'}"


def _records_differ(git: Git, paths: dict[str, str], expected: dict[str, State | Token]) -> Iterator[str]:
    for path in sorted(paths.keys() & expected.keys()):
        record = expected[path]
        try:
            same = type(record).model_validate_json(tree.data(git, paths[path])) == record
        except ValidationError:
            same = False
        if not same:
            yield f"{path} is not the {type(record).__name__.lower()} that the changes lead to"


def _attestations_differ(
    git: Git, paths: dict[str, str], expected: dict[str, tuple[Attestation, ...]]
) -> Iterator[str]:
    """Find attestations that no change made: one could let a version in."""
    for path in sorted(paths.keys() & expected.keys()):
        try:
            same = at.parse_attestations(tree.data(git, paths[path])) == expected[path]
        except ValidationError:
            same = False
        if not same:
            yield f"{path} does not hold the attestations that the changes lead to"


def _requests_differ(git: Git, paths: dict[str, str], done: Replay) -> Iterator[str]:
    """Find idempotency records that name another change: a repeat would get a wrong answer."""
    expected = _requests(paths, done)
    for path in sorted(paths.keys() & expected.keys()):
        try:
            same = json.loads(tree.data(git, paths[path]))["seq"] == expected[path]
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            yield f"{path} does not name change {expected[path]}"


def _bytes_differ(git: Git, paths: dict[str, str], done: Replay) -> Iterator[str]:
    for path, named in sorted(_contents(done).items()):
        if path in paths:
            found = f"sha256:{sha256(tree.data(git, paths[path])).hexdigest()}"
            for prompt, version, digest in sorted(named):
                if digest != found:
                    yield f"the bytes of {prompt}@{version} are not those of {digest}"
