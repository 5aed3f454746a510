"""The use cases of rollouts: change a state, read it, and keep this process up with the others.

A change is committed to the journal, then told: adopted here, brought to the board, published. Whoever
is told looks for itself, so a lost word delays a registry by a second and never misleads it.
"""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from threading import RLock
from typing import TYPE_CHECKING, Any

from registry.access.tokens import Keyring, Role, Token, mint, write_secret
from registry.errors import Conflict, Invalid, NotFound, PreconditionFailed, RegistryError, Unavailable
from registry.rollouts import change as at
from registry.rollouts import clock, release, transitions
from registry.rollouts.change import Change, Staged
from registry.rollouts.state import State, VersionRef, check_steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from promptstage.model import Release
    from registry.catalog.catalog import Catalog, Version
    from registry.rollouts.board import Board
    from registry.rollouts.documents import Documents
    from registry.rollouts.journal import Entry, Journal
    from registry.rollouts.state import Step, Target
    from registry.rollouts.view import View

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change as somebody asks for it.

    Attributes:
        op: ``start``, ``advance``, ``pause``, ``resume``, ``promote`` or ``rollback``.
        version: for start and promote; ``latest`` is allowed.
        force: stage it although it needs variables that stable does not.
        expect: what the actor saw: ``{"rollout": id}`` or ``{"stable": version}``.
        if_match: ``<epoch>.<seq>`` of the state that must still be in force.
        idempotency_key: the same key, from the same token, is answered with what was recorded.
        token: the id of the token, the scope of that key.
    """

    environment: str
    prompt: str
    op: str
    actor: str
    version: str | None = None
    steps: tuple[Step, ...] = ()
    audience: tuple[Target, ...] = ()
    force: bool = False
    reason: str = ""
    expect: dict[str, str | None] = field(default_factory=dict)
    if_match: str | None = None
    idempotency_key: str | None = None
    token: str = ""

    def scope(self) -> str | None:
        """What the idempotency key is unique in, as a SHA-256."""
        if self.idempotency_key is None:
            return None
        return _hash([self.token, self.environment, self.prompt, self.op, self.idempotency_key])

    def body(self) -> str:
        """What must be the same when a key comes again, as a SHA-256."""
        steps = [step.model_dump() for step in self.steps]
        audience = [target.model_dump() for target in self.audience]
        return _hash([self.version, steps, audience, self.force, self.reason, self.expect])


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledged change. `applied` is false while Redis does not have it yet."""

    entry: Entry
    applied: bool

    def to_json(self) -> dict[str, Any]:
        """Write it as the API answers it."""
        made = self.entry.change
        return {
            "epoch": made.epoch,
            "seq": made.seq,
            "commit": self.entry.commit,
            "applied": self.applied,
            "state": made.state and made.state.model_dump(mode="json"),
        }


class Rollouts:
    """Everything that can be done with rollouts; safe to call from any thread."""

    def __init__(
        self,
        environments: tuple[str, ...],
        catalog: Catalog,
        journal: Journal,
        board: Board,
        documents: Documents,
        view: View,
    ) -> None:
        self.environments = environments
        self.view = view
        self.keyring = Keyring()
        self.problem: Unavailable | None = None
        self.board_problem: Unavailable | None = None
        self._catalog = catalog
        self._journal = journal
        self._board = board
        self._documents = documents
        self._tip = (0, 0)  # the journal's own head; the view's is ahead of it if Redis has seen more
        self._commits: list[str] = []
        self._staged: dict[tuple[str, str], Staged] = {}
        self._changing = RLock()

    # Keeping up

    def open(self, token_file: Path) -> bool:
        """Read the journal, or begin one in an empty folder: whether it is new.

        A new journal has one token, for an admin; its secret is in `token_file` before the journal is
        there, so that no crash can leave a journal that nobody may change.
        """
        with self._changing, self._journal.lock() as lock:
            new = not self._journal.exists() and self._create(lock, token_file)
        self.reconcile()
        return new

    def _create(self, lock: int, token_file: Path) -> bool:
        token, secret = mint("admin", Role.admin)
        try:
            self._journal.check_empty()
            write_secret(token_file, secret)
            record = {at.token_path(token.id): token.model_dump_json().encode()}
            self._journal.create(lock, int(clock.now().timestamp()), record)
        except Unavailable as error:
            logger.error("%s", error.message)  # noqa: TRY400 - the sentence says it all
            return False
        return True

    def reconcile(self) -> None:
        """Adopt what is new in the journal, and bring the board up to it. Raises nothing."""
        with self._changing:
            problem = None
            try:
                self._follow()
            except Unavailable as error:
                problem = error
            self._catch_up()
            self.problem = problem or self._behind()

    def _behind(self) -> Unavailable | None:
        journal, seen = self._tip, self.view.head
        return None if journal >= seen else _older(journal, seen)

    def _follow(self) -> None:
        news = self._journal.since(self._commits[-1]) if self._commits else None
        if news is None:
            return self._reload()
        for entry in news:
            self._adopt(entry)
        return None

    def _reload(self) -> None:
        contents = self._journal.load()
        self._tip = contents.head.change.position
        self._commits = contents.commits
        self._staged = contents.staged
        self.keyring = Keyring(Token.model_validate_json(data) for data in contents.tokens)
        self.view.adopt(self._tip, contents.states)

    def _adopt(self, entry: Entry) -> None:
        self._commits.append(entry.commit)
        self._tip = entry.change.position
        state = entry.change.state
        for ref in _named(state):
            if state and (state.prompt, ref.version) not in self._staged:
                kept = Staged(name=state.prompt, version=ref.version, commit=ref.commit, digest=ref.digest)
                self._staged[state.prompt, ref.version] = kept
        self.view.adopt(entry.change.position, [state] if state else [])

    def _catch_up(self) -> bool:
        """Bring the board up to the head; whether it is there now."""
        try:
            there = self._board.catch_up(self.view.head, self.view.states())
            if there > self.view.head:
                self.view.adopt(there, self._board.read())
        except Unavailable as error:
            if self.board_problem is None:
                logger.warning("%s; it is brought up to date when it is back", error.message)
            self.board_problem = error
            return False
        self.board_problem = None
        return True

    def advance_due(self) -> None:
        """Carry out the timed advances whose time has come. Raises nothing."""
        for state in self.view.states():
            if clock.is_due(state, clock.now()):
                self._advance(state)

    def _advance(self, state: State) -> None:
        action = Action(
            environment=state.environment, prompt=state.prompt, op="advance", actor="schedule", if_match=state.tag
        )
        try:
            self.act(action)
        except (PreconditionFailed, Conflict):
            pass  # somebody, or another registry's clock, was there first
        except RegistryError as error:
            logger.warning("%s in %s cannot advance: %s", state.prompt, state.environment, error.message)

    def seconds_to_next(self) -> float | None:
        """The time until a rollout is due, or None if none will be."""
        times = [s.rollout.advances_at for s in self.view.states() if s.rollout and s.rollout.advances_at]
        return max(0.0, (min(times) - clock.now()).total_seconds()) if times else None

    # Reading

    def staged(self, name: str, version: str) -> bytes | None:
        """The bytes that a version was staged with, if it ever was: they beat the repository's."""
        return self._journal.content(name, version) if (name, version) in self._staged else None

    def state(self, environment: str, prompt: str) -> State:
        """What is in force; a prompt without any yet has an empty state. Raises NotFound."""
        self.check_environment(environment)
        state = self.view.state(environment, prompt)
        if state is None:
            self._catalog.versions(prompt)
            state = State(environment=environment, prompt=prompt, epoch=self.view.head[0])
        return state

    def states(self, environment: str) -> list[State]:
        """Every state of an environment, by name. Raises NotFound."""
        self.check_environment(environment)
        return [state for state in self.view.states() if state.environment == environment]

    def history(self, environment: str, prompt: str, before: int | None = None) -> Iterator[Entry]:
        """The changes of a prompt, newest first; `before` begins below a seq."""
        state = self.state(environment, prompt)
        seq = state.seq
        while seq > 0:
            entry = self._journal.entry(self._commits[seq])
            if before is None or seq < before:
                yield entry
            seq = entry.change.previous

    def release_at(self, environment: str, prompt: str, moment: datetime) -> Release:
        """What was served at a time, replayed from the journal. Raises NotFound where nothing was yet."""
        for entry in self.history(environment, prompt):
            if entry.change.at <= moment and entry.change.state:
                if made := release.build(entry.change.state, self._documents.load):
                    return made
        raise NotFound(f"{prompt} had no release in {environment} at that time", code="no_release")

    def check_environment(self, environment: str) -> None:
        """Let an environment pass that is configured. Raises NotFound."""
        if environment not in self.environments:
            raise NotFound(
                f"there is no environment {environment!r}; there are {', '.join(self.environments)}",
                code="unknown_environment",
            )

    # Changing

    def act(self, action: Action) -> Answer:
        """Carry out a change: when this returns, it is in the journal for good.

        Raises:
            NotFound, Invalid: the prompt, the version or the environment; nothing was looked at further.
            Conflict: the state does not allow it, is not what was expected, or a variable is missing.
            PreconditionFailed: If-Match names another state.
            Unavailable: the journal cannot be written.
        """
        self.state(action.environment, action.prompt)
        version = self._catalog.read(action.prompt, action.version) if action.version else None
        if version is not None and version.status == "invalid":
            raise _unservable(version)
        with self._changing:
            self._refuse_when_broken()
            with self._journal.lock() as lock:
                self._follow()
                entry = self._recorded(action) or self._write(lock, action, version)
            applied = self._is_applied(entry)
        return Answer(entry, applied)

    def _is_applied(self, entry: Entry) -> bool:
        # A board known to be down is left to the reconcile, so that it delays nobody twice.
        return self.board_problem is None and self._catch_up() and entry.change.position <= self.view.head

    def _refuse_when_broken(self) -> None:
        if self.problem is not None:
            raise self.problem

    def _recorded(self, action: Action) -> Entry | None:
        scope = action.scope()
        record = self._journal.request(scope) if scope else None
        if record is None:
            return None
        if record["body"] != action.body():
            raise Invalid(
                "this Idempotency-Key was used with another body; use a new key", code="idempotency_mismatch"
            )
        return self._journal.entry(self._commits[int(str(record["seq"]))])

    def _write(self, lock: int, action: Action, version: Version | None) -> Entry:
        before = self.state(action.environment, action.prompt)
        _check_expectations(action, before)
        after = self._decide(action, before, version)
        epoch, seq = self._tip[0], self._tip[1] + 1
        scope = action.scope()
        change = Change(
            epoch=epoch,
            seq=seq,
            at=clock.now(),
            actor=action.actor,
            op=action.op,
            before=(ends := transitions.ends(before, after))[0],
            after=ends[1],
            reason=action.reason,
            request=scope,
            previous=before.seq,
            state=after.model_copy(update={"epoch": epoch, "seq": seq}),
        )
        files = dict(self._files(change, action, version))
        entry = self._journal.write(lock, self._commits[-1], change, files)
        self._adopt(entry)
        return entry

    def _decide(self, action: Action, before: State, version: Version | None) -> State:
        after = transitions.apply(before, _command(action, version), clock.now())
        if after is transitions.VERSION_NEEDED:
            raise Invalid(f"version: {transitions.VERSION_NEEDED.message}", code="version_needed")
        if isinstance(after, transitions.Conflict):
            raise _conflict(after.code, f"{action.prompt} in {action.environment}: {after.message}", before)
        if version is not None and before.stable is not None and not action.force:
            self._check_variables(version, before)
        return after

    def _check_variables(self, version: Version, before: State) -> None:
        """Apps pass what stable requires: a version that requires more would fail in all of them."""
        if before.stable is None or version.document is None or before.rollout is not None:
            return
        given = {v.name for v in self._documents.load(before.prompt, before.stable).document.variables if v.required}
        needed = [v.name for v in version.document.variables if v.required and v.name not in given]
        if needed:
            raise _conflict(
                "needs_variables",
                f"{version.name}@{version.version} requires {', '.join(needed)}, which {before.stable.version} does "
                "not; let the apps pass it first, then repeat this with force",
                before,
                variables=needed,
            )

    def _files(self, change: Change, action: Action, version: Version | None) -> Iterator[tuple[str, bytes]]:
        state = change.state
        if state is not None:
            yield at.state_path(state.environment, state.prompt), state.model_dump_json(indent=1).encode()
        if change.request:
            record = {"seq": change.seq, "body": action.body()}
            yield at.request_path(change.request), json.dumps(record).encode()
        if version is not None and (version.name, version.version) not in self._staged:
            kept = Staged(name=version.name, version=version.version, commit=version.commit, digest=version.digest or "")
            yield at.content_path(version.name, version.version), version.content or b""
            yield at.staged_path(version.name, version.version), kept.model_dump_json(indent=1).encode()


def _command(action: Action, version: Version | None) -> transitions.Command:
    ref = version and VersionRef(version=version.version, digest=version.digest or "", commit=version.commit)
    match action.op:
        case "start":
            if ref is None:
                raise Invalid("version: say which version to start")
            steps = check_steps(action.steps)
            return transitions.Start(
                ref, steps, action.audience, f"r-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
            )
        case "advance":
            return transitions.Advance()
        case "pause":
            return transitions.Pause()
        case "resume":
            return transitions.Resume()
        case "promote":
            return transitions.Promote(ref)
        case "rollback":
            return transitions.Rollback()
        case other:
            raise NotFound(f"there is no action {other!r}", code="unknown_action")


def _check_expectations(action: Action, before: State) -> None:
    if action.if_match is not None and action.if_match != before.tag:
        raise PreconditionFailed(f"the state is {before.tag}, not {action.if_match}; look again", state=_json(before))
    seen = {
        "rollout": before.rollout and before.rollout.id,
        "stable": before.stable and before.stable.version,
    }
    for what, expected in action.expect.items():
        if seen[what] != expected:
            raise _conflict("changed", f"{what} is {seen[what]} now, not {expected}; look again", before)


def _named(state: State | None) -> list[VersionRef]:
    if state is None:
        return []
    candidate = state.rollout and state.rollout.candidate
    return [ref for ref in (state.stable, candidate) if ref is not None]


def _conflict(code: str, message: str, state: State, **extra: Any) -> Conflict:
    return Conflict(message, code=code, state=_json(state), **extra)


def _json(state: State) -> dict[str, Any]:
    return state.model_dump(mode="json")


def _unservable(version: Version) -> Invalid:
    problem = version.problem or {"message": "it cannot be read"}
    return Invalid(
        f"{version.name}@{version.version} is invalid: {problem['message']}", code="invalid_version", problem=problem
    )


def _older(head: tuple[int, int], seen: tuple[int, int]) -> Unavailable:
    return Unavailable(
        f"the journal is at {head[0]}.{head[1]}, but {seen[0]}.{seen[1]} was seen already: it is older than what was "
        "acknowledged. Put the newest copy of journal.git back",
        code="journal_behind",
    )


def _hash(parts: list[object]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
