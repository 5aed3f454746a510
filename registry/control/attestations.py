"""The use cases of attestations: take one, and list those of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.control.preconditions import older_format
from registry.control.retry import commit_with_retry
from registry.control.suite_gate import Starter
from registry.errors import Conflict
from registry.journal import change as at
from registry.rollouts.action import digest
from registry.suites.attestation import Attestation, kept
from registry.system import timestamps
from registry.system.formats import SUITES

if TYPE_CHECKING:
    from registry.access.tokens import Token
    from registry.catalog.catalog import Catalog
    from registry.control.retry import Acknowledged
    from registry.control.rollouts import Rollouts
    from registry.control.suite_gate import Standing, SuiteGate
    from registry.control.tokens import Requester
    from registry.journal.reader import Entry
    from registry.suites.attestation import SuiteResult


class Attestations:
    """The operations on attestations, and the gate that asks for them; safe to call from any thread."""

    def __init__(self, catalog: Catalog, rollouts: Rollouts, gate: SuiteGate) -> None:
        self._catalog = catalog
        self._rollouts = rollouts
        self._replica = rollouts.replica
        self.gate = gate

    def attest(self, result: SuiteResult, requester: Requester) -> Acknowledged:
        """Write a result into the journal; its digest need not be that of a known version yet.

        Raises:
            Conflict: registries may join that know no attestations (`older_format`).
            Invalid: the idempotency key was used for another result.
            Unauthorized: the token was revoked meanwhile.
            Unavailable: the journal cannot be written.
        """
        body = digest([result.model_dump(mode="json")])

        def decide(lock: int) -> Entry:
            known = self._replica.request(requester.scope(at.ATTEST), body)
            return known or self._write(lock, result, body, requester)

        return commit_with_retry(self._replica, decide)

    def _write(self, lock: int, result: SuiteResult, body: str, requester: Requester) -> Entry:
        now, token = timestamps.now(), requester.token
        self._replica.keyring.check(token.id, now)  # it may have been revoked meanwhile
        if self._replica.format < SUITES:
            raise Conflict(older_format(self._replica.format, "attestations"), code="older_format")
        attestation = Attestation(
            **dict(result),
            seq=self._replica.next_position().seq,
            at=now,
            by=token.name,
            token=token.id,
            environments=token.environments,
        )
        change = self._replica.next_change(
            at=now,
            actor=token.name,
            op=at.ATTEST,
            after=result.result,
            request=requester.scope(at.ATTEST),
            attestation=attestation,
        )
        all_kept = kept(self._replica.attestations(result.prompt, result.digest), attestation)
        path = at.attestations_path(result.prompt, result.digest)
        files = {path: at.attestations_file(all_kept)} | dict(at.request_file(change, body))
        return self._replica.write(lock, change, files)

    def of(self, name: str, version: str) -> list[Attestation]:
        """Return the attestations of a version's digest, newest first.

        Raises:
            NotFound: there is no such prompt or version.
            Unavailable: the journal cannot be read.
        """
        self._replica.adopt_local()
        found = self._catalog.read(name, version)
        known = self._replica.attestations(name, found.digest) if found.digest else ()
        return list(known[::-1])

    def standing(self, environment: str, name: str, version: str, token: Token) -> Standing:
        """Return how a version stands with the rule of an environment, if this token starts it.

        Of a version that awaits approval there, it is how it stands for whoever requested it.

        Raises:
            NotFound: there is no such environment, prompt or version.
            Invalid: the version cannot be served (`invalid_version`).
            Unavailable: the journal, or the version's suite, cannot be read now.
        """
        state = self._rollouts.newest_state(environment, name)
        ref = self._rollouts.reference(name, version)
        asked = state.awaiting_approval
        starter = Starter(token.id, token.name)
        if asked and asked.version == ref:
            starter = Starter(asked.token, asked.asked_by)
        return self.gate.standing(state, ref, starter, timestamps.now())
