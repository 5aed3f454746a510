"""Name a character that is none of ASCII: many look like one, and some cannot be seen. Pure."""

from __future__ import annotations

import unicodedata


def foreign(text: str) -> str:
    """Return words that name the first character beyond ASCII; empty if there is none."""
    found = next((character for character in text if not character.isascii()), "")
    return f"{unicodedata.name(found, f'U+{ord(found):04X}')} is no letter of a to z" if found else ""
