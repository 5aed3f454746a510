"""The use cases of rollouts: read states and releases, and change them."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.catalog.naming import LATEST
from registry.control.gate import Found, Gate, Shut
from registry.control.preconditions import check_apps, check_format, check_guard, conflict
from registry.control.retry import Acknowledged, commit_with_retry
from registry.errors import Forbidden, Invalid, NotFound, PreconditionFailed, RegistryError
from registry.journal import change as at
from registry.journal.change import ASKING, Change
from registry.rollouts import approval, commands, guard, transitions
from registry.rollouts.state import State, VersionRef
from registry.system import timestamps, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from registry.catalog.catalog import Catalog, Version
    from registry.control.suite_gate import SuiteGate
    from registry.journal.reader import Entry
    from registry.policies.rule_set import Rules
    from registry.replication.documents import Documents
    from registry.replication.read_model import EncodedRelease
    from registry.replication.replica import Replica
    from registry.rollouts.action import Action
    from registry.rollouts.guard import Constant

logger = logging.getLogger(__name__)


class Rollouts:
    """The operations on rollouts; safe to call from any thread.

    Args:
        too_old: counts the connected clients of a prompt, in an environment, that read only documents of
            the first edition.
        suites: the gate of those that an environment requires.

    Attributes:
        gate: what lets guarded steps advance; without evidence they wait.
    """

    def __init__(  # noqa: PLR0913 - a composition root's wiring
        self,
        environments: tuple[str, ...],
        rules: Rules,
        catalog: Catalog,
        documents: Documents,
        replica: Replica,
        *,
        too_old: Callable[[str, str], int],
        suites: SuiteGate,
    ) -> None:
        self.environments = environments
        self.replica = replica
        self.gate: Gate = Shut()
        self._rules = rules
        self._catalog = catalog
        self._documents = documents
        self._too_old = too_old
        self._suites = suites

    # Reading

    def check_environment(self, environment: str) -> None:
        """Require a configured environment. Raises NotFound."""
        if environment not in self.environments:
            raise NotFound(
                f"there is no environment {environment!r}; there are {', '.join(self.environments)}",
                code="unknown_environment",
            )

    def state(self, environment: str, prompt: str) -> State:
        """Return the state; that of a prompt never served is empty. Raises NotFound."""
        self.check_environment(environment)
        read_model = self.replica.read_model
        if state := read_model.state(environment, prompt):
            return state
        try:
            self._catalog.versions(prompt)
        except NotFound:  # another registry may have fetched its tag first, and staged it a moment ago
            self.replica.refresh(time.monotonic())
            if state := read_model.state(environment, prompt):
                return state
            raise
        return State(environment=environment, prompt=prompt, epoch=read_model.head[0])

    def newest_state(self, environment: str, prompt: str) -> State:
        """Return the state, including changes that another process made a moment ago. Raises NotFound."""
        self.replica.adopt_local()
        if self.replica.read_model.state(environment, prompt) is None:
            self.replica.refresh(time.monotonic())
        return self.state(environment, prompt)

    def states(self, environment: str, prompts: Iterable[str] | None = None) -> list[State]:
        """Return every state of an environment, by name, or those that some prompts have. Raises NotFound."""
        self.check_environment(environment)
        self.replica.adopt_local()
        read_model = self.replica.read_model
        if prompts is None:
            return read_model.states(environment)
        found = (read_model.state(environment, prompt) for prompt in prompts)
        return [state for state in found if state]

    def release(self, environment: str, prompt: str) -> EncodedRelease:
        """Return the release of a prompt. Raises NotFound (`no_release`: nothing is in force)."""
        self.check_environment(environment)
        (built,) = self.releases(environment, [prompt]).values()
        if built is None:
            self.state(environment, prompt)  # raises if there is no such prompt
        if built is None:
            raise NotFound(
                f"{prompt} has no release in {environment} yet; promote a first version", code="no_release"
            )
        return built

    def releases(self, environment: str, prompts: Iterable[str]) -> dict[str, EncodedRelease | None]:
        """Return the releases of some prompts; None: there is none, also after reading the journal."""
        found: dict[str, EncodedRelease | None] = {}
        for prompt in prompts:
            work.check()
            found[prompt] = self.replica.read_model.release(environment, prompt)
        if missing := [prompt for prompt, built in found.items() if built is None]:
            self.replica.refresh(time.monotonic())
            found |= {prompt: self.replica.read_model.release(environment, prompt) for prompt in missing}
        return found

    def guard_of(self, environment: str) -> dict[str, Any]:
        """Return the guard of a start that says nothing else of it, in the API's form. Raises NotFound."""
        self.check_environment(environment)
        rules = self._rules.of(environment).guard
        built = guard.build(asked=True, rules=rules) or guard.Guard()
        return {
            "required": rules is not None and rules.required,
            "default": rules is not None and (rules.required or rules.default),
            "guard": built.model_dump(mode="json"),
        }

    # Changing

    def act(self, action: Action) -> Acknowledged:
        """Make a change, or request it where approval is required: when this returns, it is durable.

        Raises:
            NotFound, Invalid: the prompt, the version or the environment; nothing else was checked.
            Conflict: the state does not allow it, differs from `expect`, or a variable or an attestation is
                missing.
            Forbidden: another token must approve this (`own_request`).
            PreconditionFailed: If-Match names another state.
            Unavailable: the journal cannot be written.
        """
        guard.check_evidence(action.evidence)
        present = self.state(action.environment, action.prompt)
        # A recorded request needs no version; both may be unknown here before the lock is held.
        recorded = self.replica.was_requested(action.scope())
        version = None if recorded else self._version(action)
        if not recorded:
            self._suites.prepare(action, present, _reference(version))
        found = Found(
            version, self._count_too_old(action, version), present.stable, self._constants(action, present)
        )

        def decide(lock: int) -> Entry:
            known = self.replica.request(action.scope(), action.body())
            return known or self._write(lock, action, found)

        done = commit_with_retry(self.replica, decide)
        return replace(done, passed_over=self._passed_over(action, done.entry.change))

    def _passed_over(self, action: Action, made: Change) -> tuple[dict[str, Any], ...]:
        """Return what an action for ``latest`` passed over; log errors, as the change is made already."""
        named = made.named
        if action.version != LATEST or named is None:
            return ()
        try:
            return self._catalog.passed_over(action.prompt, named.version)
        except RegistryError as error:
            logger.warning("what the latest of %s passes over is not known: %s", action.prompt, error.message)
            return ()

    def reference(self, prompt: str, version: str) -> VersionRef:
        """Return what a state would say of a version. Raises NotFound, Invalid (`invalid_version`)."""
        return _of(self._servable(prompt, version))

    def _version(self, action: Action) -> Version | None:
        return None if action.version is None else self._servable(action.prompt, action.version)

    def _servable(self, prompt: str, version: str) -> Version:
        found = self._catalog.read(prompt, version)
        if found.status == "invalid" or found.content is None:
            raise unservable(found)
        return found

    def _staged(self, version: Version | None) -> Version | None:
        """Return the version as staged, possibly by another registry since it was read."""
        if version is None or self.replica.staged(version.name, version.version) in {None, version.content}:
            return version
        return self._catalog.read(version.name, version.version)

    def _count_too_old(self, action: Action, version: Version | None) -> int:
        """Count the connected clients that cannot read a version, before the lock is held."""
        document = version.document if version else None
        if document is None or document.edition == 1 or action.force:
            return 0
        return self._too_old(action.environment, action.prompt)

    def _constants(self, action: Action, present: State) -> Mapping[str, Constant]:
        """Ask for the constants of a guard that is to start, before the lock is held."""
        asked = present.awaiting_approval
        if action.op == "start":
            built = guard.build(action.guard, self._rules.of(action.environment).guard)
        else:
            built = asked.guard if asked and action.op == "approve" else None
        return self.gate.constants(present, built) if built else {}

    def _write(self, lock: int, action: Action, found: Found) -> Entry:
        version = self._staged(found.version)
        before = self.state(action.environment, action.prompt)
        _check_expectations(action, before)
        now = timestamps.now()
        self.replica.keyring.check(action.token, now)  # it may have been revoked while this waited
        rules = self._rules.of(action.environment)
        starting = action.op == "start"
        command = commands.of(
            action,
            _reference(version),
            approval=rules.approval,
            guard=check_guard(action.guard, rules.guard, before, self.replica.format) if starting else None,
            constants=found.constants_for(before),
        )
        after = _decide(action, command, before, now)
        if version is not None:
            check_format(version, before, self.replica.format)
        if version is not None and not action.force:
            check_apps(
                version,
                before,
                lambda ref: self._documents.load(before.prompt, ref).document,
                found.too_old,
            )
        said_of_suites = self._suites.check(action, before, after, now)
        came_from, went_to = approval.ends(before, after)
        change = self.replica.next_change(
            at=now,
            actor=action.actor,
            op=ASKING + action.op if isinstance(command, approval.RequestApproval) else action.op,
            before=came_from,
            after=went_to,
            reason=action.reason,
            request=action.scope(),
            previous=before.seq,
            state=after,
            evidence=action.evidence,
            **said_of_suites,
        )
        return self.replica.write(lock, change, dict(self._files(change, action, version)))

    def _files(self, change: Change, action: Action, version: Version | None) -> Iterator[tuple[str, bytes]]:
        if change.state is not None:
            path = at.state_path(action.environment, action.prompt)
            yield path, change.state.model_dump_json(indent=1).encode()
        yield from at.request_file(change, action.body())
        if version is not None and self.replica.staged(version.name, version.version) is None:
            yield at.content_path(version.name, version.version), version.content or b""


def _reference(version: Version | None) -> VersionRef | None:
    return _of(version) if version else None


def _of(version: Version) -> VersionRef:
    return VersionRef(version=version.version, digest=version.digest or "", commit=version.commit)


def unservable(version: Version) -> Invalid:
    """Build the error of a version that cannot be staged or resolved, with its file's problem."""
    problem = version.problem or {"message": "it cannot be read"}
    text = f"{version.name}@{version.version} is invalid: {problem['message']}"
    return Invalid(text, code="invalid_version", problem=version.problem)


def _decide(action: Action, command: approval.Command, before: State, now: datetime) -> State:
    after = approval.apply(before, command, now)
    if isinstance(after, State):
        return after
    message = f"{action.prompt} in {action.environment}: {after.message}"
    if after is transitions.VERSION_NEEDED:
        raise Invalid(f"version: {after.message}", code=after.code)
    if after is approval.OWN_REQUEST:
        raise Forbidden(message, code=after.code)
    raise conflict(after.code, message, before)


def _check_expectations(action: Action, before: State) -> None:
    if action.if_match is not None and action.if_match != before.tag:
        raise PreconditionFailed(
            f"the state is {before.tag}, not {action.if_match}; look again", state=_json(before)
        )
    request = before.awaiting_approval
    seen = {
        "rollout": before.rollout_id,
        "stable": before.stable_version,
        "awaiting_approval": request and request.id,
    }
    for what, expected in action.expect.items():
        if seen[what] != expected:
            raise conflict("changed", f"{what} is {seen[what]} now, not {expected}; look again", before)


def _json(state: State) -> dict[str, Any]:
    return state.model_dump(mode="json")
