"""Tickets: short-lived signed texts that stand for a token where no header can be sent, such as in a URL.

URLs end up in logs and in a browser's storage, so a ticket opens one thing alone: notices that something has
changed. The token's secret is not in it, and it ends with its token.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, Signer

from registry.errors import Unauthorized

if TYPE_CHECKING:
    from datetime import datetime

    from registry.access.tokens import Keyring, Token

# A ticket is good until the end of the next such period: all that are made in one are the same text, so that
# clients who are told again keep their connection.
PERIOD_SECONDS = 12 * 3600
_TICKET = re.compile(r"([0-9a-f]+)\.([0-9]{1,12})")
_ENDED = "the address of this stream has ended; evaluate the flags again, and take the one in the answer"


class Tickets:
    """Issues and reads tickets.

    Args:
        key: the secret of the signatures; registries behind one address share it.
    """

    def __init__(self, key: bytes) -> None:
        self._signer = Signer(
            key, salt="promptstage.ticket", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def issue(self, token: Token, now: datetime) -> str:
        """Return the ticket of a token."""
        ends = (int(now.timestamp()) // PERIOD_SECONDS + 2) * PERIOD_SECONDS
        return self._signer.sign(f"{token.id}.{ends}").decode()

    def find(self, ticket: str, keyring: Keyring, now: datetime) -> Token:
        """Return the token of a ticket. Raises Unauthorized: it has ended, or its token has."""
        try:
            found = _TICKET.fullmatch(self._signer.unsign(ticket).decode())
        except (BadSignature, UnicodeError):
            found = None
        if found is None or now.timestamp() >= int(found[2]):
            raise Unauthorized(_ENDED, code="ticket_ended")
        token = keyring.named(found[1])
        if token is None or not keyring.admits(token, now):
            raise Unauthorized(_ENDED, code="ticket_ended")
        return token
