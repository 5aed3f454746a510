"""Text from outside, made safe to show."""

from __future__ import annotations

import re
from unicodedata import normalize

_BYTES = 4  # per character, at most
SHOWN = 160  # characters of outside text in a message: enough to recognise it
# A user before a host is a secret over https, where it may be a token; elsewhere only with a password.
_WITH_SECRET = re.compile(r"https?://[^/]*@|[a-z][a-z0-9+.-]*://[^/@]*:[^/]*@", re.IGNORECASE)


def escape(data: bytes, limit: int = SHOWN) -> str:
    r"""Show bytes on one line, the unprintable (control, bidi, bad UTF-8) as ``\x..`` or ``\u....``.

    Args:
        data: any bytes.
        limit: the most characters to show; an ellipsis stands for the rest.
    """
    shown = data[: limit * _BYTES]
    text = visible(shown.decode("utf-8", "backslashreplace"))
    return text if len(text) <= limit and len(shown) == len(data) else text[: limit - 1] + "…"


def visible(text: str) -> str:
    r"""Show text on one line, the unprintable as ``\x..`` or ``\u....``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def fits_header(text: str) -> bool:
    """Return whether a header of HTTP can carry it; libraries would quote a secret that does not fit."""
    return text.isascii() and text.isprintable()


def skeleton(name: str) -> str:
    """Reduce a name to what it looks like: without wide letters, ligatures and capitals."""
    return normalize("NFKC", normalize("NFKC", name).casefold())  # case folding may leave what NFKC joins


def holds_secret(address: str) -> bool:
    """Return whether a repository's address contains a password or token."""
    return bool(_WITH_SECRET.match(address))
