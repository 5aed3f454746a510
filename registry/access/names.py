"""Require names of tokens that read as what they are: the history identifies actors by them."""

from __future__ import annotations

import re
from unicodedata import category, normalize

MAX_NAME = 100  # characters: a service, a team and a place fit in
MAX_MARKS = 3  # on one letter; more make a blot, and no script that people write needs them
# Letters, marks and signs to Unicode, but nothing to a reader: fillers, blanks, joiners, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
_BLANKS = re.compile(r"^ | $|  ")


def check_name(name: str) -> str:
    """The name in its one spelling (NFC). Raises ValueError if it is none."""
    name = normalize("NFC", name)
    if not 1 <= len(name) <= MAX_NAME:
        raise ValueError(f"a name has 1 to {MAX_NAME} characters")
    if _INVISIBLE.search(name) or _BLANKS.search(name) or not all(map(_is_seen, name)):
        raise ValueError(
            "a name is one line of visible text: without control, direction or zero-width marks, and without "
            "blanks around it or two in a row"
        )
    if _has_loose_marks(name):
        raise ValueError(f"a name has its accents on letters, at most {MAX_MARKS} on each")
    return name


def _is_seen(char: str) -> bool:
    """Whether it is a letter, accent, digit, sign or the plain blank; an enclosing mark hides its letter."""
    kind = category(char)
    return char == " " or (kind[0] not in "CZ" and kind != "Me")


def _has_loose_marks(name: str) -> bool:
    """Whether a combining mark has no letter or digit before it, or too many are on one."""
    kinds = "".join(category(char)[0] for char in name)
    return bool(re.search(rf"(^|[^LNM])M|M{{{MAX_MARKS + 1}}}", kinds))
