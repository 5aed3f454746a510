"""A requested change."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.rollouts.state import Step, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One requested change.

    Attributes:
        op: ``start``, ``advance``, ``pause``, ``resume``, ``promote``, ``rollback``, ``approve`` or
            ``reject``.
        actor: the name of the caller.
        version: for start and promote; ``latest`` is allowed.
        force: stage it although it requires variables that stable does not, or newer clients.
        expect: the state that the actor saw: ``{"rollout": id}``, ``{"stable": version}`` and
            ``{"awaiting_approval": id}``, in any combination.
        if_match: ``<epoch>.<seq>`` of the state, which must still be in force.
        idempotency_key: a repeat with the same key and token gets the recorded answer.
        token: the id of the token, the scope of that key; the token of a request may not approve it.
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
        """Return the scope in which the idempotency key is unique, as a SHA-256 in hexadecimal."""
        if self.idempotency_key is None:
            return None
        return digest([self.token, self.environment, self.prompt, self.op, self.idempotency_key])

    def body(self) -> str:
        """Return a SHA-256, in hexadecimal, of what must be the same in a repeat."""
        steps = [step.model_dump() for step in self.steps]
        audience = [target.model_dump() for target in self.audience]
        return digest([self.version, steps, audience, self.force, self.reason, self.expect])


def digest(parts: list[object]) -> str:
    """Return the SHA-256, in hexadecimal, of JSON values in their order."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
