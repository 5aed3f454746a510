r"""Escapes of surrogate pairs, which JSON has and YAML has not: ``"\ud83d\ude00"`` is one character. Pure.

The parser is given a text of the same length, so that all places stay right, in which each pair is a
stand-in: two escapes of characters that the file has nowhere. Its values get their characters back.
"""

from __future__ import annotations

import re
from itertools import islice, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Restore = Callable[[str, bool], str]

_PAIR = re.compile(r"((?<!\\)(?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_PRIVATE = range(0xE000, 0xF900)  # characters that no standard gives a meaning, so that few files have any


def stand_in(text: str) -> tuple[str, Restore] | None:
    """Put stand-ins in the place of pairs.

    Returns:
        The text for the parser, and what gives a scalar its own characters back, told whether it is in
        double quotes: elsewhere a backslash is a backslash. None if there is no pair.
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
    """Enough code points, in hexadecimal, that the text neither has nor writes; two make a stand-in."""
    lower = text.lower()
    free = (f"{code:04x}" for code in _PRIVATE if chr(code) not in text and f"{code:04x}" not in lower)
    return list(islice(free, int(pairs**0.5) + 1))


def _decoded(escapes: str) -> str:
    """The characters that two escapes stand for; a pair of surrogates is one."""
    units = (int(code, 16) for code in escapes.split("\\u")[1:])
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be")
