"""Sessions: for which token a browser acts.

A session is a signed cookie that names the token and when it began: any process that has the key reads it, a
restart ends none, and it never outlives its token. The token's secret is in no cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, TimestampSigner

from registry.errors import Unauthorized
from registry.system.files import create_durably

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from registry.access.tokens import Keyring, Token

COOKIE = "promptstage_session"
SESSION_SECONDS = 12 * 3600  # a working day; then a person shows the token again
KEY_BYTES = 32
ENDED = "the session has ended; log in again"


def open_key(path: Path) -> bytes:
    """Read the key that signs sessions, or create it, once for all workers. Raises OSError."""
    return path.read_bytes() if path.exists() else create_durably(path, secrets.token_bytes(KEY_BYTES))


class Sessions:
    """Begins and reads sessions.

    Args:
        key: the secret of the signatures; registries behind one address share it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._signer = TimestampSigner(
            key, salt="promptstage.session", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def begin(self, token: Token) -> str:
        """Return the cookie of a new session."""
        return self._signer.sign(f"{token.id}.{secrets.token_hex(8)}").decode()

    def find(self, cookie: str, keyring: Keyring, now: datetime) -> Token:
        """Return the token of a session. Raises Unauthorized: it has ended, or its token has."""
        try:
            identifier, _, _ = self._signer.unsign(cookie, max_age=SESSION_SECONDS).decode().partition(".")
        except (BadSignature, UnicodeError):
            raise Unauthorized(ENDED, code="session_ended") from None
        token = keyring.named(identifier)
        if token is None or not keyring.admits(token, now):
            raise Unauthorized(ENDED, code="session_ended")
        return token

    def csrf(self, cookie: str) -> str:
        """Return what every form of a session carries, which another site cannot know."""
        return hmac.new(self._key, b"csrf " + cookie.encode(), hashlib.sha256).hexdigest()

    def is_csrf(self, cookie: str, given: str) -> bool:
        """Return whether a form is one of the session's."""
        return hmac.compare_digest(self.csrf(cookie), given)
