"""Recover a writable journal from its readable parts, a mirror and Redis.

Nothing is deleted: a damaged journal is moved aside, and its intact changes are kept unchanged. Every state
is written once more under a new epoch, so that clients take it, whatever they have seen before. That epoch
is later than the old one, unless a wrong clock had put that into the future: then it is the present time.
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry.access import admin_token
from registry.access.tokens import read_secret
from registry.errors import Unavailable
from registry.git.command import Git
from registry.journal import change as at
from registry.journal.change import Change
from registry.journal.directory import REPOSITORY, write_marker
from registry.journal.fast_import import BRANCH, Folders
from registry.journal.journal import DURABLE
from registry.journal.local import LocalJournal
from registry.journal.maintenance.replay import refs
from registry.journal.maintenance.survey import ASIDE, COPY_SECONDS, STAGING
from registry.journal.position import next_epoch
from registry.suites.attestation import kept
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.access.tokens import Token
    from registry.journal.maintenance.survey import Found
    from registry.rollouts.position import Position
    from registry.rollouts.state import VersionRef
    from registry.suites.attestation import Attestation

    Fetch = Callable[[str, VersionRef], bytes | None]

WRITE_SECONDS = 120.0  # a hundred thousand states
REASON_LIMIT = 2000  # characters


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result of a recovery: the new head, the format, how many states it wrote, and what is lost."""

    head: Position
    format: int
    states: int
    lost: tuple[str, ...]
    new_admin: bool
    put_aside: Path | None


def recover(folder: Path, found: Found, fetch: Fetch) -> Recovered:
    """Write the findings of `scan` as the newest changes of a journal.

    Args:
        folder: the data folder; a registry may run on it.
        found: the result of `scan`, just before.
        fetch: returns the bytes of a staged version from elsewhere, if possible.

    Raises:
        Unavailable: a registry wrote meanwhile (`busy`), or the folder cannot be written.
    """
    held = LocalJournal(folder)
    with closing(held), held.lock() as lock:
        if not found.problems:
            if held.head().commit != found.parent:
                raise Unavailable("a registry wrote in between; try again", code="busy")
            return _write(folder, folder, lock, found, _either(held.staged, fetch))
        staging = folder / STAGING
        _clear(folder, staging)
        try:
            _begin(staging, found)
            done = _write(folder, staging, lock, found, _either(held.staged, fetch))
            return replace(done, put_aside=_swap(folder, staging, done))
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _write(folder: Path, target: Path, lock: int, found: Found, fetch: Fetch) -> Recovered:
    """Add the changes to the journal in `target`, which may be the folder itself."""
    with closing(LocalJournal(target)) as journal:
        draft = _Draft(found, journal.staged)
        lost = draft.add_states(fetch)
        draft.add_attestations(journal.attestations)
        new_admin = draft.add_admin(folder / admin_token.FILE)
        entry = journal.write_all(lock, found.parent, draft.changes, timeout=WRITE_SECONDS)
    write_marker(target, entry.change.epoch, entry.change.format)
    return Recovered(entry.change.position, entry.change.format, len(found.states), lost, new_admin, None)


class _Draft:
    """The changes of a recovery, before they are written."""

    def __init__(self, found: Found, staged: Callable[[str, str], bytes | None]) -> None:
        self.changes: list[tuple[Change, dict[str, bytes]]] = []
        self._found = found
        self._staged = staged
        self._now = timestamps.now()
        self._epoch = next_epoch(found.head[0], max(found.now, self._now))
        self._first = found.base.seq + 1 if found.base else 0
        self._add(at.RECOVER, {}, reason="; ".join(found.problems[:3])[:REASON_LIMIT])
        for token in found.tokens.values():
            if token != found.kept_tokens.get(token.id):
                self._add_token(at.RECOVER, token)

    def add_states(self, fetch: Fetch) -> tuple[str, ...]:
        """Add every state under the new epoch, with bytes that the journal lacks; return what is lost."""
        files, lost = self._missing_bytes(fetch)
        for place, state in sorted(self._found.states.items()):
            state = state.model_copy(update={"epoch": self._epoch, "seq": self._next})  # noqa: PLW2901
            files[at.state_path(*place)] = state.model_dump_json(indent=1).encode()
            self._add(
                at.RECOVER,
                files,
                state=state,
                after=state.stable_version,
                previous=self._found.previous.get(place, 0),
            )
            files = {}
        return lost

    def add_attestations(self, known: Callable[[str, str], tuple[Attestation, ...]]) -> None:
        """Add the attestations that the journal lacks, oldest first; each is of the change that adds it."""
        lists: dict[tuple[str, str], tuple[Attestation, ...]] = {}
        for found in reversed(self._found.attestations):
            one = found.model_copy(update={"seq": self._next})
            of = (one.prompt, one.digest)
            lists[of] = kept(lists[of] if of in lists else known(*of), one)
            files = {at.attestations_path(*of): at.attestations_file(lists[of])}
            self._add(at.RECOVER, files, after=one.result, attestation=one)

    def _missing_bytes(self, fetch: Fetch) -> tuple[dict[str, bytes], tuple[str, ...]]:
        """Return the bytes of served versions missing here, and the versions whose bytes are lost."""
        files: dict[str, bytes] = {}
        lost: list[str] = []
        named = {(state.prompt, ref) for state in self._found.states.values() for ref in refs(state)}
        for prompt, ref in sorted(named, key=lambda pair: (pair[0], pair[1].version)):
            if self._staged(prompt, ref.version) is not None:
                continue
            content = fetch(prompt, ref)
            if content is None:
                lost.append(f"{prompt}@{ref.version}")
            else:
                files[at.content_path(prompt, ref.version)] = content
        return files, tuple(lost)

    def add_admin(self, file: Path) -> bool:
        """Ensure that the file exists and a token can manage tokens; return whether that took a new token."""
        tokens = self._found.tokens.values()
        if read_secret(file) and any(token.is_permanent_admin(self._now) for token in tokens):
            return False
        self._add_token("token.create", admin_token.replace(tokens, file, self._now))
        return True

    @property
    def _next(self) -> int:
        return self._first + len(self.changes)

    def _add_token(self, op: str, token: Token) -> None:
        files = {at.token_path(token.id): token.model_dump_json().encode()}
        self._add(op, files, token=token, after=token.id)

    def _add(self, op: str, files: dict[str, bytes], **fields: Any) -> None:
        change = Change(
            format=self._found.format,
            epoch=self._epoch,
            seq=self._next,
            at=self._now,
            actor=admin_token.OPERATOR,
            op=op,
            **fields,
        )
        self.changes.append((change, files))


def _clear(folder: Path, staging: Path) -> None:
    """Clear the way for a new journal; keep one of an earlier recovery, which may be the only copy."""
    if (staging / REPOSITORY).exists():
        (staging / REPOSITORY).rename(folder / f"{REPOSITORY}{ASIDE}{time.time_ns()}")
    shutil.rmtree(staging, ignore_errors=True)


def _begin(staging: Path, found: Found) -> None:
    """Create a new repository from the intact changes."""
    staging.mkdir(mode=0o700)
    with closing(Git(staging / REPOSITORY, config=DURABLE)) as git:
        git.init()
        if found.pack is not None and found.parent is not None:
            git.run("index-pack", "--stdin", "--strict", data=found.pack, timeout=COPY_SECONDS)
            git.run("update-ref", BRANCH, found.parent)


def _swap(folder: Path, staging: Path, done: Recovered) -> Path | None:
    """Replace the damaged journal by the new one, and keep it beside."""
    damaged, aside = folder / REPOSITORY, folder / f"{REPOSITORY}{ASIDE}{done.head.epoch}"
    kept = damaged.exists()
    Folders(staging / REPOSITORY).sync()
    if kept:
        damaged.rename(aside)
    (staging / REPOSITORY).rename(damaged)
    write_marker(folder, done.head[0], done.format)
    return aside if kept else None


def _either(staged: Callable[[str, str], bytes | None], fetch: Fetch) -> Fetch:
    """Look up a version's bytes in the old journal, then with `fetch`; the digest must match."""

    def ask(prompt: str, ref: VersionRef) -> bytes | None:
        for content in (staged(prompt, ref.version), fetch(prompt, ref)):
            if content is not None and f"sha256:{sha256(content).hexdigest()}" == ref.digest:
                return content
        return None

    return ask
