"""The bytes of a notification: its body in the target's format, and its headers. Pure."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from registry.notify import links
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from registry.notify.event import Event

PREFIX = "whsec_"  # of a secret of Standard Webhooks; what follows is base64
LEAST = 24  # bytes of a secret, as the specification asks
MOST = 512


def body(event: Event, form: Literal["slack", "json"], home: str = "") -> str:
    """Return the body that tells an event, with a link if the registry's address is known."""
    address = links.link(event, home) if home else ""
    if form == "slack":
        return json.dumps({"text": _escaped(f"{event.text} {address}".rstrip())}, ensure_ascii=False)
    told = {
        "type": event.kind,
        "timestamp": timestamps.rfc3339(event.at),
        "data": {"text": event.text, **({"link": address} if address else {}), **event.data},
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _escaped(text: str) -> str:
    """Return a text in which Slack sees no link, mention or markup of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def headers(identifier: str, now: datetime, content: str, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of a message, as Standard Webhooks 1.0 defines them.

    Args:
        identifier: the same for all tries.
        now: the time of this try.
        content: the body.
        secrets: each signs, so that a receiver may have either while one replaces the other.
    """
    timestamp = str(int(now.timestamp()))
    signed = f"{identifier}.{timestamp}.{content}".encode()
    given = {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
    }
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}" for key in secrets]
    return given | ({"webhook-signature": " ".join(signatures)} if signatures else {})


def secrets(text: str) -> list[bytes]:
    """Return the secrets in a file, one a line: base64, after ``whsec_`` or without it. Raises ValueError."""
    lines = [line.strip().removeprefix(PREFIX) for line in text.splitlines() if line.strip()]
    try:
        keys = [base64.b64decode(line + "=" * (-len(line) % 4), validate=True) for line in lines]
    except ValueError:
        keys = []
    if not keys or not all(LEAST <= len(key) <= MOST for key in keys):
        raise ValueError(
            f"a secret is {PREFIX} and then {LEAST} to {MOST} bytes in base64; one is made by: "
            f'echo "{PREFIX}$(head -c 32 /dev/urandom | base64)"'
        )
    return keys
