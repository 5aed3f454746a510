"""Bearer tokens and their rights.

A secret is 256 random bits, so its plain SHA-256 is enough to store: there is nothing to guess. Records live
in the journal, like every other acknowledged change, and stay when a token is revoked, so that later uses are
answered with that reason.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from unicodedata import category, normalize

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from registry.access.capabilities import Capability, implied, rank, reduced
from registry.errors import Forbidden, Unauthorized, Unavailable
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PREFIX = "ps_"  # lets secret scanners recognise ours
CLOCK_ERROR = timedelta(days=1)  # the most that two clocks may differ: more than any mistaken time zone
SECRET = re.compile(PREFIX + r"[A-Za-z0-9_-]{32,200}")  # at least 192 bits, if they are random


class UnknownToken(Unauthorized):
    """A token that this process does not know."""


class Token(BaseModel):
    """The stored record of a token, without its secret. No `environments` means all of them.

    `capabilities` is absent where `role` says all. An older registry ignores it and goes by `role`, which
    never grants more: so tokens need no new format of the journal.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    role: str
    capabilities: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    environments: tuple[str, ...] = ()
    digest: str
    created_at: AwareDatetime
    created_by: str = "registry"
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Return whether it is valid now.

        A token that expires and was made by a clock far ahead is not: its expiry is as far ahead.
        """
        if self.revoked_at or self.expires_at is None:
            return self.revoked_at is None
        return not self.is_from_the_future(now) and now < self.expires_at

    def is_from_the_future(self, now: datetime) -> bool:
        """Return whether its creation lies ahead: the clock was wrong then, or is wrong now."""
        return self.created_at - now > CLOCK_ERROR

    @property
    def is_global_admin(self) -> bool:
        """Whether it is an admin's, for every environment, and so may manage tokens."""
        return self.may(Capability.admin) and not self.environments

    def is_permanent_admin(self, now: datetime) -> bool:
        """Return whether it may manage tokens now, and until it is revoked."""
        return self.is_global_admin and self.expires_at is None and self.is_live(now)

    def is_secret(self, secret: str) -> bool:
        """Return whether this is its secret."""
        return _digest(secret) == self.digest

    @property
    def granted(self) -> tuple[str, ...]:
        """What it was given, without what that implies."""
        return self.capabilities or (self.role,)

    def may(self, capability: Capability) -> bool:
        """Return whether it has a capability, given or implied."""
        return capability is Capability.reader or capability in implied(self.granted)

    def allow(self, capability: Capability, environment: str | None = None) -> None:
        """Check a right; raise Forbidden with what is missing.

        Args:
            capability: what is needed.
            environment: where; None is the registry as a whole, of which a limited token may read only
                what is the same for all environments.
        """
        if not self.may(capability):
            has = ", ".join(self.granted)
            raise Forbidden(f"this needs the role {capability}; the token {self.name!r} has {has}")
        limits = ", ".join(self.environments)
        if environment is None and capability is Capability.admin and limits:
            raise Forbidden(f"this needs a token for all environments; {self.name!r} is for {limits} only")
        if environment is not None and limits and environment not in self.environments:
            raise Forbidden(f"the token {self.name!r} is for {limits} only")

    def to_json(self) -> dict[str, Any]:
        """Return the API's form: without the digest, and null for all environments."""
        shown = self.model_dump(mode="json", exclude={"digest", "revoked_at"})
        return shown | {
            "capabilities": list(self.granted),
            "environments": list(self.environments) or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """The properties of a token to mint. No `environments` means all of them."""

    name: str
    capabilities: tuple[Capability, ...]
    environments: tuple[str, ...] = ()
    expires_at: datetime | None = None


def mint(spec: TokenSpec, *, created_by: str = "registry", secret: str | None = None) -> tuple[Token, str]:
    """Mint a token from a new or given secret; return its record and the secret, stored nowhere else."""
    secret = secret or PREFIX + secrets.token_urlsafe(32)
    capabilities, role = reduced(spec.capabilities), rank(spec.capabilities)
    record = Token(
        id=secrets.token_hex(6),
        name=spec.name,
        role=role.value,
        capabilities=() if capabilities == (role,) else tuple(one.value for one in capabilities),
        environments=spec.environments,
        digest=_digest(secret),
        created_at=datetime.now(UTC),
        created_by=created_by,
        expires_at=spec.expires_at,
    )
    return record, secret


def read_secret(path: Path) -> str | None:
    """Read the secret in a file, if it exists. Raises Unavailable if it holds no valid one."""
    try:
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path} cannot be read: {error}; remove it", code="token_unreadable") from error
    if not SECRET.fullmatch(secret):
        raise Unavailable(f"{path} holds no token ({SECRET.pattern}); remove it", code="token_unreadable")
    return secret


def write_secret(path: Path, secret: str) -> None:
    """Write a secret to a file that only this user can read. Raises Unavailable."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o600)
            file.write(secret + "\n")
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}", code="token_unwritable") from error


class Keyring:
    """The tokens known to this process, by the digest of their secret; any thread may read it.

    Attributes:
        listeners: called, in any thread, when a token has changed.
    """

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._by_digest = {token.digest: token for token in tokens}

    def replace(self, tokens: Iterable[Token]) -> None:
        """Replace all tokens by these."""
        self._by_digest = {token.digest: token for token in tokens}
        self._notify()

    def put(self, token: Token) -> None:
        """Add a token, or replace it if it has changed."""
        self._by_digest = self._by_digest | {token.digest: token}
        self._notify()

    def tokens(self) -> list[Token]:
        """Return the tokens that are not revoked, oldest first."""
        held = (token for token in self._by_digest.values() if token.revoked_at is None)
        return sorted(held, key=lambda token: (token.created_at, token.id))

    def __bool__(self) -> bool:
        return bool(self._by_digest)

    def admits(self, token: Token, now: datetime) -> bool:
        """Return whether a token that was found earlier is still valid."""
        held = self._by_digest.get(token.digest)
        return held is not None and held.is_live(now)

    def find(self, authorization: str | None, now: datetime) -> Token:
        """Return the token of an ``Authorization`` header.

        Raises:
            UnknownToken: it is not known here, but another process may have made it a moment ago.
            Unauthorized: the header is missing or malformed, or the token was revoked or has expired.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthorized("send a token: Authorization: Bearer <token>")
        token = self._by_digest.get(_digest(secret.strip()))
        if token is None:
            kind = UnknownToken if SECRET.fullmatch(secret.strip()) else Unauthorized
            raise kind("this token is not known here; check that it belongs to this registry")
        _check_live(token, now)
        return token

    def named(self, identifier: str) -> Token | None:
        """Return the token of an id, revoked or not."""
        return next((token for token in self._by_digest.values() if token.id == identifier), None)

    def check(self, identifier: str, now: datetime) -> None:
        """Check that a token accepted a moment ago is still valid. Raises Unauthorized."""
        if token := self.named(identifier):
            _check_live(token, now)

    def _notify(self) -> None:
        for listener in self.listeners:
            listener()


def _check_live(token: Token, now: datetime) -> None:
    """Check that a token is valid now. Raises Unauthorized."""
    if token.revoked_at is not None:
        raise Unauthorized(f"the token {token.name!r} was revoked at {_text(token.revoked_at)}")
    if not token.is_live(now) and token.is_from_the_future(now):
        raise Unauthorized(
            f"the token {token.name!r} was made at {_text(token.created_at)}, which is in the future: "
            "set the registry's clock, or create another token"
        )
    if not token.is_live(now):
        raise Unauthorized(f"the token {token.name!r} expired at {_text(token.expires_at)}")


def _text(moment: datetime | None) -> str:
    return "" if moment is None else timestamps.rfc3339(moment)


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()


MAX_NAME = 100  # characters: room for a service, a team and a place
MAX_MARKS = 3  # on one letter; more are unreadable, and no living script needs them
# Letters, marks and signs in Unicode, but invisible: fillers, blanks, joiners, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
_BLANKS = re.compile(r"^ | $|  ")


def check_name(name: str) -> str:
    """Return the name normalised (NFC). Raises ValueError if it is not valid."""
    name = normalize("NFC", name)
    if not 1 <= len(name) <= MAX_NAME:
        raise ValueError(f"a name has 1 to {MAX_NAME} characters")
    if _INVISIBLE.search(name) or _BLANKS.search(name) or not all(map(_is_seen, name)):
        raise ValueError(
            "a name is one line of visible text: without control, direction or zero-width marks, and without "
            "blanks around it or two in a row"
        )
    if _has_loose_marks(name):
        raise ValueError(f"a name has its accents on letters, at most {MAX_MARKS} on each")
    return name


def _is_seen(char: str) -> bool:
    """Return whether it is a letter, accent, digit, sign or blank; an enclosing mark hides its letter."""
    kind = category(char)
    return char == " " or (kind[0] not in "CZ" and kind != "Me")


def _has_loose_marks(name: str) -> bool:
    """Return whether a combining mark has no letter or digit before it, or too many are on one."""
    kinds = "".join(category(char)[0] for char in name)
    return bool(re.search(rf"(^|[^LNM])M|M{{{MAX_MARKS + 1}}}", kinds))
