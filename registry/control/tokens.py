"""The use cases of tokens: create, list and revoke. Each change is a commit of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.access.tokens import mint
from registry.control.retry import commit_with_retry
from registry.errors import Conflict, Invalid, NotFound
from registry.journal import change as at
from registry.rollouts.action import digest
from registry.system import timestamps
from registry.system.text import skeleton, visible

if TYPE_CHECKING:
    from registry.access.tokens import Token, TokenSpec
    from registry.control.retry import Acknowledged
    from registry.journal.reader import Entry
    from registry.replication.replica import Replica

OWN_ACTORS = (
    "registry",
    "schedule",
    "guard",
    "operator",
)  # actors without a token; no token may have these names


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """The author of a change of tokens, and the reason.

    Attributes:
        token: the admin's token.
        idempotency_key: a repeat with the same key changes nothing.
    """

    token: Token
    reason: str = ""
    idempotency_key: str | None = None

    def scope(self, op: str) -> str | None:
        """Return the scope in which the idempotency key is unique, as a hash."""
        return self.idempotency_key and digest([self.token.id, op, self.idempotency_key])


class Tokens:
    """The operations on tokens; safe to call from any thread."""

    def __init__(self, environments: tuple[str, ...], replica: Replica) -> None:
        self._environments = environments
        self._replica = replica

    def list(self) -> list[Token]:
        """Return the tokens that are not revoked, oldest first, also those made elsewhere a moment ago."""
        self._replica.adopt_local()
        return self._replica.keyring.tokens()

    def create(self, spec: TokenSpec, body: str, requester: Requester) -> tuple[Token, str, Acknowledged]:
        """Create a token; return its record, its secret, which is stored nowhere, and the change.

        Args:
            spec: name, role, environments and expiry.
            body: a hash of the request, the same in a repeat with the idempotency key.
            requester: the author of the change, and the reason.

        Raises:
            Invalid: an unknown environment, a name reserved for the registry, or an expiry in the past.
            Conflict: a token in use has the name (`name_taken`), or this request created one already, whose
                secret cannot be shown again (`already_created`).
            Unavailable: the journal cannot be written.
        """
        self._check(spec)
        token, secret = mint(spec, created_by=requester.token.name)

        def decide(lock: int) -> Entry:
            if known := self._replica.request(requester.scope("token.create"), body):
                raise _already_created(known)
            taken = {skeleton(held.name) for held in self.list() if held.is_live(timestamps.now())}
            if skeleton(spec.name) in taken:
                raise Conflict(
                    f"a token named {spec.name!r}, or one that looks like it, is in use; choose another "
                    "name, so that the history tells who made a change",
                    code="name_taken",
                )
            return self._write(lock, "token.create", token, body, requester)

        return token, secret, commit_with_retry(self._replica, decide)

    def revoke(self, identifier: str, requester: Requester) -> Acknowledged:
        """Revoke a token permanently, in every process of the data folder.

        Raises:
            NotFound: there is no such token, or it was revoked before (`unknown_token`).
            Conflict: no token could manage tokens after it (`last_admin`).
            Unavailable: the journal cannot be written.
        """

        def decide(lock: int) -> Entry:
            known = self._replica.request(requester.scope("token.revoke"), identifier)
            return known or self._revoke(lock, identifier, requester)

        return commit_with_retry(self._replica, decide)

    def _revoke(self, lock: int, identifier: str, requester: Requester) -> Entry:
        now = timestamps.now()
        tokens = {token.id: token for token in self.list()}
        token = tokens.pop(identifier, None)
        if token is None:
            raise NotFound(f"there is no token {visible(identifier)!r}", code="unknown_token")
        rules = token.is_global_admin and token.is_live(now)
        if rules and not any(other.is_permanent_admin(now) for other in tokens.values()):
            raise Conflict(
                f"{token.name!r} is the last token that manages tokens and does not expire; create "
                "another admin first, for all environments and without an end",
                code="last_admin",
            )
        revoked = token.model_copy(update={"revoked_at": now})
        return self._write(lock, "token.revoke", revoked, identifier, requester)

    def _write(self, lock: int, op: str, token: Token, body: str, requester: Requester) -> Entry:
        self._replica.keyring.check(
            requester.token.id, timestamps.now()
        )  # it may have been revoked meanwhile
        change = self._replica.next_change(
            at=timestamps.now(),
            actor=requester.token.name,
            op=op,
            before=token.id if token.revoked_at else None,
            after=None if token.revoked_at else token.id,
            reason=requester.reason,
            request=requester.scope(op),
            token=token,
        )
        record = {at.token_path(token.id): token.model_dump_json().encode()}
        return self._replica.write(lock, change, record | dict(at.request_file(change, body)))

    def _check(self, spec: TokenSpec) -> None:
        if skeleton(spec.name) in OWN_ACTORS:
            raise Invalid(f"name: {spec.name} is how the registry names itself; choose another")
        if spec.expires_at is not None and spec.expires_at <= timestamps.now():
            raise Invalid("expires_at: this time is over; choose a later one")
        unknown = [name for name in spec.environments if name not in self._environments]
        if unknown:
            raise Invalid(
                f"environments: there is no environment {visible(unknown[0])!r}; "
                f"there are {', '.join(self._environments)}",
                code="unknown_environment",
            )


def _already_created(entry: Entry) -> Conflict:
    token = entry.change.token
    identifier = token.id if token else ""
    return Conflict(
        f"this request made the token {identifier} already, and its secret is shown once only; if it was "
        f"lost, revoke {identifier} and create another with a new Idempotency-Key",
        code="already_created",
        id=identifier,
    )
