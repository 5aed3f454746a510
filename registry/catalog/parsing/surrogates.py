r"""Escaped surrogate pairs, valid in JSON but not in YAML: ``"\ud83d\ude00"`` is one character. Pure.

The parser gets a text of the same length, so that all places stay right, in which a stand-in replaces each
pair: two escapes of characters that the file does not use. Values get their own characters back.
"""

from __future__ import annotations

import re
from itertools import islice, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Restore = Callable[[str, bool], str]

_PAIR = re.compile(r"((?<!\\)(?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_PRIVATE = range(0xE000, 0xF900)  # characters without a standard meaning, so that few files have any


def stand_in(text: str) -> tuple[str, Restore] | None:
    """Replace surrogate pairs by stand-ins.

    Returns:
        The text for the parser, and a function that gives a scalar its own characters back; its flag says
        whether the scalar is in double quotes: elsewhere a backslash is literal. None if there is no pair.
    """
    pairs = list(dict.fromkeys(found[2] for found in _PAIR.finditer(text)))
    units = _unused(text, len(pairs))
    if not pairs or len(units) ** 2 < len(pairs):
        return None
    escapes = {pair: f"\\u{a}\\u{b}" for pair, (a, b) in zip(pairs, product(units, repeat=2), strict=False)}
    originals = {escape: pair for pair, escape in escapes.items()}
    characters = {_decoded(escape): _decoded(pair) for pair, escape in escapes.items()}
    in_quotes = re.compile(f"[{''.join(chr(int(unit, 16)) for unit in units)}]{{2}}")
    elsewhere = re.compile(rf"(?:\\u(?:{'|'.join(units)})){{2}}")

    def restore(value: str, quoted: bool) -> str:
        if quoted:
            return in_quotes.sub(lambda found: characters[found[0]], value)
        return elsewhere.sub(lambda found: originals[found[0]], value)

    return _PAIR.sub(lambda found: found[1] + escapes[found[2]], text), restore


def _unused(text: str, pairs: int) -> list[str]:
    """Return enough hexadecimal code points that the text neither has nor escapes; a stand-in has two."""
    lower = text.lower()
    free = (f"{code:04x}" for code in _PRIVATE if chr(code) not in text and f"{code:04x}" not in lower)
    return list(islice(free, int(pairs**0.5) + 1))


def _decoded(escapes: str) -> str:
    """Return the characters of two escapes; a surrogate pair is one."""
    units = (int(code, 16) for code in escapes.split("\\u")[1:])
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be")
