"""Text that somebody else chose, made fit to be shown."""

from __future__ import annotations

SHOWN = 160  # characters of a foreign text in a message: enough to recognise it


def escape(data: bytes, limit: int = SHOWN) -> str:
    r"""Show bytes on one line: what is not printable (control, bidi, bad UTF-8) as ``\x..`` or ``\u....``.

    Args:
        data: any bytes.
        limit: how many characters to show; an ellipsis stands for the rest.
    """
    text = "".join(_visible(char) for char in data.decode("utf-8", "backslashreplace"))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
