"""The record of a change, and the paths of a journal's tree."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from registry.access.tokens import Token
from registry.rollouts.position import Position
from registry.rollouts.state import State
from registry.system import formats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.rollouts.state import ApprovalRequest, Rollout, Step, Target, VersionRef

ASKING = "ask."  # before the op of a change that only asks for one
RECOVER = "recover"  # the op of what a recovery writes
BEGINNINGS = ("start", "approve", f"{ASKING}start")  # the ops by which a rollout begins, or may


class Change(BaseModel):
    """One acknowledged change: who did what, when and why, and the state that it left.

    Attributes:
        format: of the journal, from this change on.
        seq: its place in the journal's one order, from 0 (the journal's creation) without a gap.
        at: when it was made.
        actor: the token's name, or ``schedule`` for a timed advance.
        op: ``create``, ``recover``, the command, ``ask.`` and the command that awaits approval,
            ``token.create`` or ``token.revoke``.
        before: the version, or the step's percent, that it went from; of a revoked token its id.
        after: the one that it went to; of a new token its id.
        reason: what the actor said; only ever text.
        request: the idempotency record that this change answers, if any.
        previous: the seq of the change before it to the same prompt and environment; 0: none.
        state: the whole state after it; None for a change that is not about a rollout.
        token: the whole record of a token after it; None for a change that is not about one.
    """

    model_config = ConfigDict(frozen=True)

    format: int = formats.FORMAT
    epoch: int
    seq: int
    at: AwareDatetime
    actor: str
    op: str
    before: str | int | float | None = None
    after: str | int | float | None = None
    reason: str = ""
    request: str | None = None
    previous: int = 0
    state: State | None = None
    token: Token | None = None

    @property
    def position(self) -> Position:
        """The journal's head when this is its newest change."""
        return Position(self.epoch, self.seq)

    @property
    def begun(self) -> Rollout | ApprovalRequest | None:
        """The rollout that it began or asked for, with its plan; None: it did neither."""
        if self.state is None or self.op not in BEGINNINGS:
            return None
        begun = self.state.awaiting_approval if self.op.startswith(ASKING) else self.state.rollout
        return begun if begun and begun.steps else None  # a promote has none

    @property
    def named(self) -> VersionRef | None:
        """The version that a start or promote put in force or on its way, or asked for."""
        state = self.state
        if state is None or self.op.removeprefix(ASKING) not in {"start", "promote"}:
            return None
        if self.op.startswith(ASKING):
            return state.awaiting_approval.version if state.awaiting_approval else None
        return state.rollout.candidate if state.rollout else state.stable

    def to_json(self, commit: str) -> dict[str, Any]:
        """Write it as the API's history shows it; `commit` is the journal's commit that holds it."""
        shown = {
            "seq": self.seq,
            "at": self.model_dump(mode="json", include={"at"})["at"],
            "actor": self.actor,
            "op": self.op,
            "prompt": self.state and self.state.prompt,
            "from": self.before,
            "to": self.after,
            "reason": self.reason,
            "commit": commit,
        }
        begun = self.begun
        return shown | _plan(begun.steps, begun.audience) if begun else shown


def _plan(steps: Sequence[Step], audience: Sequence[Target]) -> dict[str, Any]:
    plan = {"plan": [step.model_dump() for step in steps]}
    return plan | ({"audience": [target.model_dump() for target in audience]} if audience else {})


def parse(data: bytes) -> Change:
    """Read the record of a change.

    Raises:
        ValidationError: it is none.
        Unavailable: a newer registry wrote it (`newer_format`).
    """
    try:
        change = Change.model_validate_json(data)
    except ValidationError:
        formats.check_record(data, "the journal")
        raise
    formats.check(change.format, "the journal")
    return change


# Paths are sharded by a hash, so that a commit rewrites small trees only, however many prompts there are.

CHANGE = "change.json"
STATES = "states"
VERSIONS = "versions"
REQUESTS = "requests"
TOKENS = "tokens"


def shard(text: str) -> str:
    """Two hexadecimal digits that spread names evenly."""
    return sha256(text.encode()).hexdigest()[:2]


def state_path(environment: str, prompt: str) -> str:
    """Where the state of a prompt in an environment is kept."""
    return f"{STATES}/{environment}/{shard(prompt)}/{prompt}.json"


def content_path(name: str, version: str) -> str:
    """Where the bytes of a staged version are kept."""
    return f"{VERSIONS}/{shard(name)}/{name}/{version}.prompt.yml"


def request_path(scope: str) -> str:
    """Where the record of an idempotency key is kept; `scope` is a SHA-256 in hexadecimal.

    There are as many as changes, so one folder for all of them, or 256, would make each change dearer.
    """
    return f"{REQUESTS}/{scope[:2]}/{scope[2:4]}/{scope[4:]}.json"


def request_paths(scope: str) -> tuple[str, str]:
    """Where that is kept, and where it was at first: records that are there stay there."""
    return request_path(scope), f"{REQUESTS}/{scope[:2]}/{scope[2:]}.json"


def request_file(change: Change, body: str) -> Iterator[tuple[str, bytes]]:
    """The record of the change's idempotency key, if it has one; `body` must be the same next time."""
    if change.request is not None:
        yield request_path(change.request), json.dumps({"seq": change.seq, "body": body}).encode()


def token_path(identifier: str) -> str:
    """Where a token's record is kept."""
    return f"{TOKENS}/{identifier}.json"
