"""A requested change."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.policies.guard import GuardOptions
    from registry.rollouts.guard import Constant
    from registry.rollouts.state import Step, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One requested change.

    Attributes:
        op: ``start``, ``advance``, ``pause``, ``resume``, ``promote``, ``rollback``, ``approve`` or
            ``reject``; of the guard alone ``calibrate``.
        actor: the name of the caller.
        version: for start and promote; ``latest`` is allowed.
        force: stage it although it requires variables that stable does not, or newer clients.
        expect: the state that the actor saw: ``{"rollout": id}``, ``{"stable": version}`` and
            ``{"awaiting_approval": id}``, in any combination.
        if_match: ``<epoch>.<seq>`` of the state, which must still be in force.
        idempotency_key: a repeat with the same key and token gets the recorded answer.
        token: the id of the token, the scope of that key; the token of a request may not approve it.
        override: of a start or promote: the preconditions that it goes past, and why: ``{"suite": reason}``.
        guard: of a start: what it says about the guard; None: nothing.
        harm: of a pause by the guard: the metrics on whose harm.
        constant: of ``calibrate``: the name and the constant.
        evidence: what speaks for it, as JSON; it stands in the record of the change.
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
    override: dict[str, str] | None = None
    guard: GuardOptions | bool | None = None
    harm: tuple[str, ...] = ()
    constant: tuple[str, Constant] | None = None
    evidence: dict[str, Any] | None = None

    def scope(self) -> str | None:
        """Return the scope in which the idempotency key is unique, as a SHA-256 in hexadecimal."""
        if self.idempotency_key is None:
            return None
        return digest([self.token, self.environment, self.prompt, self.op, self.idempotency_key])

    def body(self) -> str:
        """Return a SHA-256, in hexadecimal, of what must be the same in a repeat."""
        steps = [step.model_dump() for step in self.steps]
        audience = [target.model_dump() for target in self.audience]
        said = (
            self.guard
            if self.guard is None or isinstance(self.guard, bool)
            else self.guard.model_dump(mode="json")
        )
        guard = [] if said is None else [said]
        override = [] if self.override is None else [{"override": self.override}]
        known = [self.version, steps, audience, self.force, self.reason, self.expect]
        return digest([*known, *guard, *override])


def digest(parts: list[object]) -> str:
    """Return the SHA-256, in hexadecimal, of JSON values in their order."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
