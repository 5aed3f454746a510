"""Text from outside, made fit to be shown on one line."""

from __future__ import annotations

from registry.system.text import SHOWN, escape


def clean(text: object, limit: int = SHOWN) -> str:
    """Return a text on one line, without what a terminal would obey or a reader would not see."""
    return escape(str(text).encode("utf-8", "surrogatepass"), limit)
