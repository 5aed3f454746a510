"""The gate of suites: no version enters an environment that requires it without an attestation.

It looks at what a change does, not at its name: so no way to a new version leads past it, and what completes
or undoes a rollout is never held up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.control.preconditions import conflict, older_format
from registry.errors import DocumentInvalid, GitFailed, RegistryError, Unavailable
from registry.rollouts.approval import entering
from registry.suites.requirement import OVERRIDE, Refusal, Subject, decide
from registry.system.formats import SUITES

if TYPE_CHECKING:
    from datetime import datetime

    from registry.control.suites import Suites
    from registry.policies.rule_set import Rules
    from registry.policies.suite import SuiteRules
    from registry.replication.documents import Documents
    from registry.replication.replica import Replica
    from registry.rollouts.action import Action
    from registry.rollouts.state import State, VersionRef
    from registry.suites.attestation import Attestation

FETCHED = "being_fetched"


class Starter(NamedTuple):
    """The id and name of the token that starts or promotes something."""

    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing of a version under the rule of an environment.

    Attributes:
        subject: the version, and with what it would be compared.
        decided: the attestation that lets it in, or why none does.
        required: whether the environment has the rule; if not, it is let in all the same.
    """

    subject: Subject
    decided: Attestation | Refusal
    required: bool

    def to_json(self) -> dict[str, Any]:
        """Return the API's form."""
        subject, decided = self.subject, self.decided
        refusal = decided if isinstance(decided, Refusal) else None
        attestation = decided.attestation if isinstance(decided, Refusal) else decided
        return {
            "environment": subject.environment,
            "prompt": subject.prompt,
            "version": subject.version,
            "required": self.required,
            "digest": subject.digest,
            "suite": subject.suite,
            "model": subject.model,
            "against": subject.stable,
            "decision": refusal.code if refusal else "passed",
            "detail": refusal.message if refusal else None,
            "attestation": attestation.to_json() if attestation else None,
        }


class SuiteGate:
    """Decides by the attestations in the journal; safe to call from any thread."""

    def __init__(self, rules: Rules, suites: Suites, documents: Documents, replica: Replica) -> None:
        self._rules = rules
        self._suites = suites
        self._documents = documents
        self._replica = replica

    def rules(self, environment: str) -> SuiteRules:
        """Return the rule of an environment."""
        return self._rules.of(environment).suite

    def passed(self, prompt: str, ref: VersionRef, environment: str) -> Attestation | None:
        """Return the newest attestation of an attester that a version's suite passed, against whichever.

        Raises Unavailable.
        """
        attesters = self.rules(environment).attesters
        known = self._replica.attestations(prompt, ref.digest)
        return next(
            (
                one
                for one in reversed(known)
                if one.result == "passed" and (attesters is None or {one.by, one.token} & set(attesters))
            ),
            None,
        )

    def prepare(self, action: Action, present: State, ref: VersionRef | None) -> None:
        """Read what `check` will need, before the lock is held; what cannot be read is reported there.

        Raises:
            Unavailable: it is being fetched (`being_fetched`).
        """
        required = self.rules(action.environment).required
        asked = present.awaiting_approval if action.op == "approve" else None
        ref = asked.version if asked else ref
        if ref is None or present.rollout is not None or not required or _override(action, present):
            return
        try:
            self._suites.digest(action.prompt, ref)
        except RegistryError as error:
            if error.code == FETCHED:
                raise

    def check(self, action: Action, before: State, after: State, now: datetime) -> dict[str, Any]:
        """Return what the record of a change says of suites, or refuse the change.

        Args:
            action: as it was requested.
            before: the state in force.
            after: that which the change would put in force.
            now: the time of the change.

        Raises:
            Conflict: `suite_required`, `suite_failed` with the cases that regressed, or `older_format`.
            Unavailable: the attestations, or the version's suite, cannot be read now.
        """
        ref = entering(before, after, action.op)
        override = _override(action, before)
        if override and self._replica.format < SUITES:
            raise conflict("older_format", older_format(self._replica.format, "override"), before)
        if ref is None or override:
            return {"override": override} if override else {}
        if not self.rules(action.environment).required:
            return {}
        asked = before.awaiting_approval if action.op == "approve" else None
        starter = Starter(asked.token, asked.asked_by) if asked else Starter(action.token, action.actor)
        decided = self.standing(before, ref, starter, now).decided
        if isinstance(decided, Refusal):
            raise conflict(decided.code, decided.message, before, regressed=list(decided.regressed))
        return {"attested": decided.seq}

    def standing(self, state: State, ref: VersionRef, starter: Starter, now: datetime) -> Standing:
        """Return how a version stands with an environment's rule.

        Args:
            state: what is in force there.
            ref: the version.
            starter: who would start it.
            now: the time.

        Raises:
            Unavailable: the attestations, or the version's suite, cannot be read now.
        """
        prompt, rules = state.prompt, self.rules(state.environment)
        known = self._replica.attestations(prompt, ref.digest)
        subject = Subject(
            prompt=prompt,
            version=ref.version,
            digest=ref.digest,
            suite=None,
            model=self._documents.load(prompt, ref).document.model or None,
            environment=state.environment,
            stable=state.stable_version,
            token=starter.token,
            name=starter.name,
        )
        try:
            subject = replace(subject, suite=self._suites.digest(prompt, ref))
        except (DocumentInvalid, Unavailable) as error:
            if error.code == FETCHED or (isinstance(error, GitFailed) and error.passing):
                raise
            unread = f"{prompt}@{ref.version}: {error.message}; or {OVERRIDE}"
            return Standing(subject, Refusal("suite_required", unread), required=rules.required)
        return Standing(subject, decide(known, subject, rules, now), required=rules.required)


def _override(action: Action, before: State) -> dict[str, str] | None:
    """Return what an action goes past; of an approval, what its request does."""
    asked = before.awaiting_approval if action.op == "approve" else None
    return asked.override if asked else action.override
