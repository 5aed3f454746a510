"""Bearer tokens: who asks, and what they may do.

A secret is 256 random bits, so its plain SHA-256 is all that is kept: there is nothing to guess. Records
live in the journal, like every other acknowledged change.
"""

from __future__ import annotations

import os
import re
import secrets
from datetime import UTC, datetime
from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from registry.errors import Forbidden, Unauthorized, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PREFIX = "ps_"  # lets secret scanners know ours
SECRET = re.compile(PREFIX + r"[A-Za-z0-9_-]{32,200}")  # at least 192 bits, if they are random


class Role(IntEnum):
    """Each role may do what the ones below it may."""

    reader = 1
    releaser = 2
    admin = 3


class Token(BaseModel):
    """What is kept of a token: never its secret. No `environments` means all of them."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    role: str
    environments: tuple[str, ...] = ()
    digest: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None

    def allow(self, role: Role, environment: str | None = None) -> None:
        """Let it pass, or raise Forbidden with what is lacking."""
        if Role[self.role] < role:
            raise Forbidden(f"this needs the role {role.name}; the token {self.name!r} has {self.role}")
        if environment is not None and self.environments and environment not in self.environments:
            raise Forbidden(f"the token {self.name!r} is for {', '.join(self.environments)} only")


def mint(
    name: str, role: Role, environments: tuple[str, ...] = (), secret: str | None = None
) -> tuple[Token, str]:
    """Make a token, of a new secret or a given one; returns its record and the secret, kept nowhere else."""
    secret = secret or PREFIX + secrets.token_urlsafe(32)
    record = Token(
        id=secrets.token_hex(6),
        name=name,
        role=role.name,
        environments=environments,
        digest=_digest(secret),
        created_at=datetime.now(UTC),
    )
    return record, secret


def read_secret(path: Path) -> str | None:
    """The secret in a file, if there is one that is long enough to be one. Raises Unavailable."""
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
    """Put a secret where only this user can read it. Raises Unavailable."""
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
    """The tokens that are known at one moment, by the digest of their secret."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._by_digest = {token.digest: token for token in tokens}

    def find(self, authorization: str | None, now: datetime) -> Token:
        """Tell whose ``Authorization`` header this is.

        Raises:
            Unauthorized: there is none, it is no bearer token, nobody knows it, or it has expired.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthorized("send a token: Authorization: Bearer <token>")
        token = self._by_digest.get(_digest(secret.strip()))
        if token is None:
            raise Unauthorized("this token is not known here; check that it belongs to this registry")
        if token.expires_at is not None and token.expires_at <= now:
            raise Unauthorized(f"the token {token.name!r} expired at {token.expires_at.isoformat()}")
        return token


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()
