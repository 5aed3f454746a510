"""An optional access log: one line per request, with token, path and status.

Queries are left out, as they may hold a user's key. A secret put into a path by mistake is not repeated.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from registry.access.tokens import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.access.tokens import Token

    Write = Callable[[str, str, int, float, Token | None], None]

STATE = "access_log"  # the name of `write` in the state that the app's lifespan shares with its server
NONE = "-"  # for unknown values: of a request refused before it was parsed, or without a token
SHOWN = 300  # characters of a path; the longest valid one has as many
_SECRET = re.compile(PREFIX + r"[A-Za-z0-9_-]+")

logger = logging.getLogger(__name__)


def write(method: str, path: str, status: int, seconds: float, token: Token | None) -> None:
    """Log an answer that started so many seconds after its request."""
    shown = _SECRET.sub(f"{PREFIX}…", path[: 2 * SHOWN])[:SHOWN]
    fields = {
        "method": method,
        "path": shown,
        "status": int(status),
        "ms": round(seconds * 1000, 1),
        "token": token.id if token else NONE,
    }
    logger.info("%s %s %d %.1f ms %s", *fields.values(), extra={"event": "request", **fields})
