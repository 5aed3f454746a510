"""Make text from outside fit to be shown."""

from __future__ import annotations

import re
from unicodedata import normalize

_BYTES = 4  # of a character, at most
SHOWN = 160  # characters of a foreign text in a message: enough to recognise it
# A user before a host is a secret where tokens stand there alone (https), else only with a password.
_WITH_SECRET = re.compile(r"https?://[^/]*@|[a-z][a-z0-9+.-]*://[^/@]*:[^/]*@", re.IGNORECASE)


def escape(data: bytes, limit: int = SHOWN) -> str:
    r"""Show bytes on one line: what is not printable (control, bidi, bad UTF-8) as ``\x..`` or ``\u....``.

    Args:
        data: any bytes.
        limit: how many characters to show; an ellipsis stands for the rest.
    """
    shown = data[: limit * _BYTES]
    text = visible(shown.decode("utf-8", "backslashreplace"))
    return text if len(text) <= limit and len(shown) == len(data) else text[: limit - 1] + "…"


def visible(text: str) -> str:
    r"""Show a text on one line: what is not printable as ``\x..`` or ``\u....``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def skeleton(name: str) -> str:
    """Reduce a name to how it reads: wide letters, ligatures and capitals make no difference."""
    return normalize("NFKC", normalize("NFKC", name).casefold())  # to fold case may leave what NFKC joins


def holds_secret(address: str) -> bool:
    """Whether an address of a repository has a password or token in it, which everybody sees who sees it."""
    return bool(_WITH_SECRET.match(address))
