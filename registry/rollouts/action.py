"""A change as somebody asks for it, and as it is acknowledged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry.journal.change import ASKING

if TYPE_CHECKING:
    from registry.journal.reader import Entry
    from registry.rollouts.state import Step, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change as somebody asks for it.

    Attributes:
        op: ``start``, ``advance``, ``pause``, ``resume``, ``promote``, ``rollback``, ``approve`` or
            ``reject``.
        actor: the name of who asks.
        version: for start and promote; ``latest`` is allowed.
        force: stage it although it needs variables that stable does not.
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


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A change that is in the journal for good. `applied` is false while Redis does not have it yet."""

    entry: Entry
    applied: bool

    @property
    def awaits_approval(self) -> bool:
        """Whether nothing was done yet but to ask: another token has to approve it."""
        return self.entry.change.op.startswith(ASKING)

    def to_json(self) -> dict[str, Any]:
        """Write it as the API answers it; a change of a token has no state."""
        made = self.entry.change
        answer = {
            "epoch": made.epoch,
            "seq": made.seq,
            "commit": self.entry.commit,
            "applied": self.applied,
        }
        return answer | ({"state": made.state.model_dump(mode="json")} if made.state else {})


def digest(parts: list[object]) -> str:
    """A SHA-256 in hexadecimal of JSON values, each in its place."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
