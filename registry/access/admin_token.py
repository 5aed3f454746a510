"""The admin token of last resort: without expiry, with its secret in a file of the data folder."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

from registry.access.capabilities import Capability
from registry.access.tokens import Token, TokenSpec, mint, read_secret, write_secret
from registry.system.text import skeleton

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

FILE = "admin.token"
OPERATOR = "operator"  # the actor of changes made on the machine itself, without a token


def held(tokens: Collection[Token], file: Path, now: datetime) -> Token | None:
    """Return the token whose secret is in the file, if it is a permanent admin's. Raises Unavailable."""
    secret = read_secret(file)
    found = (token for token in tokens if secret and token.is_secret(secret))
    return next((token for token in found if token.is_permanent_admin(now)), None)


def replace(tokens: Collection[Token], file: Path, now: datetime) -> Token:
    """Mint a permanent token that may manage tokens; write its secret to the file before it is valid.

    A secret already in the file is used if no token has it: from an interrupted attempt, or chosen by an
    operator. One that was revoked, has expired or was limited stays so. Raises Unavailable.
    """
    secret = read_secret(file)
    if secret and any(token.is_secret(secret) for token in tokens):
        secret = None
    taken = {skeleton(token.name) for token in tokens if token.is_live(now)}
    names = chain(("admin",), (f"admin-{number}" for number in count(2)))
    spec = TokenSpec(name=next(name for name in names if name not in taken), capabilities=(Capability.admin,))
    token, secret = mint(spec, created_by=OPERATOR, secret=secret)
    write_secret(file, secret)
    return token
