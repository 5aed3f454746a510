"""The record of a change, and the paths of the journal's tree."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from registry.access.tokens import Token
from registry.rollouts.position import Position
from registry.rollouts.state import State
from registry.suites.attestation import Attestation
from registry.system import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.rollouts.state import ApprovalRequest, Rollout, VersionRef

ATTEST = "attest"  # the op of an attestation
ASKING = "ask."  # prefix of the op of a change that requests approval
RECOVER = "recover"  # the op of a recovery's changes
BEGINNINGS = ("start", "approve", f"{ASKING}start")  # the ops that start a rollout, or request one


class Change(BaseModel):
    """One acknowledged change: actor, action, time, reason, and the resulting state.

    Attributes:
        format: of the journal, from this change on.
        seq: its number in the journal's single order, from 0 (the journal's creation) without gaps.
        at: its time.
        actor: the token's name, ``schedule`` for a timed advance, or ``guard``.
        op: ``create``, ``recover``, ``upgrade``, the command, ``ask.`` and the command that awaits approval,
            ``calibrate`` of a guard, ``attest``, ``token.create`` or ``token.revoke``.
        before: the version, or the step's percent, before it; of a revoked token its id.
        after: the version or percent after it; of a new token its id; of an attestation its result.
        reason: the actor's reason; plain text.
        request: the idempotency record that this change answers, if any.
        previous: the seq of the change before it to the same prompt and environment; 0: none.
        state: the whole state after it; None if the change is not about a rollout.
        token: the whole record of a token after it; None if the change is not about one.
        evidence: the numbers that it was made on, by a guard or a timed advance, as JSON; None: on none.
        attestation: the whole record of an attestation; None if the change is not one.
        attested: the seq of the attestation that let a version in, where one is required.
        override: the preconditions that a start or promote goes past, and why, as ``{"suite": reason}``.
    """

    model_config = ConfigDict(frozen=True)

    format: int = formats.FIRST
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
    evidence: dict[str, Any] | None = None
    attestation: Attestation | None = None
    attested: int | None = None
    override: dict[str, str] | None = None

    @property
    def position(self) -> Position:
        """The journal's head while this is its newest change."""
        return Position(self.epoch, self.seq)

    def following(self, **fields: Any) -> Change:
        """The change after this one, in its format; a state in it is of the same position."""
        change = Change(format=self.format, epoch=self.epoch, seq=self.seq + 1, **fields)
        if change.state is None:
            return change
        position: dict[str, Any] = {"epoch": change.epoch, "seq": change.seq}
        older = {"recent": ()} if self.format < formats.RECENT else {}
        return change.model_copy(update={"state": change.state.model_copy(update=position | older)})

    @property
    def prompt(self) -> str | None:
        """The prompt that it is about, if it is about one."""
        subject = self.state or self.attestation
        return subject.prompt if subject else None

    @property
    def started(self) -> Rollout | ApprovalRequest | None:
        """The rollout that it started or requested, with its plan; None: it did neither."""
        if self.state is None or self.op not in BEGINNINGS:
            return None
        started = self.state.awaiting_approval if self.op.startswith(ASKING) else self.state.rollout
        return started if started and started.steps else None  # a promote has none

    @property
    def named(self) -> VersionRef | None:
        """The version that a start or promote served, staged or requested."""
        state = self.state
        if state is None or self.op.removeprefix(ASKING) not in {"start", "promote"}:
            return None
        if self.op.startswith(ASKING):
            return state.awaiting_approval.version if state.awaiting_approval else None
        return state.rollout.candidate if state.rollout else state.stable

    def to_json(self, commit: str) -> dict[str, Any]:
        """Return the form of the API's history; `commit` is the journal's commit of it."""
        shown = {
            "seq": self.seq,
            "at": self.model_dump(mode="json", include={"at"})["at"],
            "actor": self.actor,
            "op": self.op,
            "prompt": self.prompt,
            "from": self.before,
            "to": self.after,
            "reason": self.reason,
            "commit": commit,
        }
        started = self.started
        noted = {"evidence": self.evidence, "attested": self.attested, "override": self.override}
        shown |= {key: value for key, value in noted.items() if value is not None}
        return shown | _plan(started) if started else shown


def _plan(started: Rollout | ApprovalRequest) -> dict[str, Any]:
    plan: dict[str, Any] = {"plan": [step.model_dump() for step in started.steps]}
    plan |= {"audience": [target.model_dump() for target in started.audience]} if started.audience else {}
    return plan | ({"guard": started.guard.model_dump(mode="json")} if started.guard else {})


def parse(data: bytes) -> Change:
    """Parse the record of a change.

    Raises:
        ValidationError: it is not valid.
        Unavailable: a newer registry wrote it (`newer_format`).
    """
    try:
        change = Change.model_validate_json(data)
    except ValidationError:
        formats.check_record(data, "the journal")
        raise
    formats.check(change.format, "the journal")
    return change


# Paths are sharded by a hash, so that a commit rewrites only small trees, however many prompts there are.

CHANGE = "change.json"
STATES = "states"
VERSIONS = "versions"
REQUESTS = "requests"
TOKENS = "tokens"
ATTESTATIONS = "attestations"
_ATTESTATIONS = TypeAdapter(tuple[Attestation, ...])


def shard(text: str) -> str:
    """Return two hexadecimal digits that spread names evenly."""
    return sha256(text.encode()).hexdigest()[:2]


def state_path(environment: str, prompt: str) -> str:
    """Return the path of a prompt's state in an environment."""
    return f"{STATES}/{environment}/{shard(prompt)}/{prompt}.json"


def content_path(name: str, version: str) -> str:
    """Return the path of a staged version's bytes."""
    return f"{VERSIONS}/{shard(name)}/{name}/{version}.prompt.yml"


def request_path(scope: str) -> str:
    """Return the path of an idempotency key's record; `scope` is a SHA-256 in hexadecimal.

    There are as many as changes, so with one folder, or 256, each change would cost more than the last.
    """
    return f"{REQUESTS}/{scope[:2]}/{scope[2:4]}/{scope[4:]}.json"


def request_paths(scope: str) -> tuple[str, str]:
    """Return its path, and the path of earlier formats, whose records stay in place."""
    return request_path(scope), f"{REQUESTS}/{scope[:2]}/{scope[2:]}.json"


def request_file(change: Change, body: str) -> Iterator[tuple[str, bytes]]:
    """Yield the record of the change's idempotency key, if any; a repeat must have the same `body`."""
    if change.request is not None:
        yield request_path(change.request), json.dumps({"seq": change.seq, "body": body}).encode()


def attestations_path(prompt: str, digest: str) -> str:
    """Return the path of the attestations that are kept of a prompt's digest, as one list."""
    digits = digest.rpartition(":")[2]
    return f"{ATTESTATIONS}/{digits[:2]}/{digits[2:]}/{prompt}.json"


def attestations_file(known: Iterable[Attestation]) -> bytes:
    """Return the content of that file."""
    return json.dumps([one.model_dump(mode="json") for one in known], indent=1).encode()


def parse_attestations(data: bytes) -> tuple[Attestation, ...]:
    """Parse the content of that file. Raises ValidationError."""
    return _ATTESTATIONS.validate_json(data)


def token_path(identifier: str) -> str:
    """Return the path of a token's record."""
    return f"{TOKENS}/{identifier}.json"
