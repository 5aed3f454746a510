"""A change as a caller requests it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.rollouts.state import Step, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change as somebody asks for it.

    Attributes:
        op: ``start``, ``advance``, ``pause``, ``resume``, ``promote``, ``rollback``, ``approve`` or
            ``reject``.
        actor: the name of who asks.
        version: for start and promote; ``latest`` is allowed.
        force: stage it accept a version that needs variables which stable does not.
        expect: what the actor saw: ``{"rollout": id}``, ``{"stable": version}`` and
            ``{"awaiting_approval": id}``, in any combination.
        if_match: ``<epoch>.<seq>`` of the state that must still be in force.
        idempotency_key: the same key, from the same token, is answered with what was recorded.
        token: the id of the token, the scope of that key; who asked may not approve.
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
        """What the idempotency key is unique in, as a SHA-256 in hexadecimal."""
        if self.idempotency_key is None:
            return None
        return digest([self.token, self.environment, self.prompt, self.op, self.idempotency_key])

    def body(self) -> str:
        """What must be the same when a key comes again, as a SHA-256 in hexadecimal."""
        steps = [step.model_dump() for step in self.steps]
        audience = [target.model_dump() for target in self.audience]
        return digest([self.version, steps, audience, self.force, self.reason, self.expect])


def digest(parts: list[object]) -> str:
    """A SHA-256 in hexadecimal of JSON values, each in its place."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
