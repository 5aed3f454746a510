"""Texts of a record: short, and on one line."""

from __future__ import annotations

CHARACTERS = 64
"""What a field of a record holds: a name, and no sentence."""


def short(value: object) -> str | None:
    """A value as a field holds it; None if there is nothing in it."""
    if type(value) is str and 0 < len(value) <= CHARACTERS and value.isprintable():  # nearly always
        return value
    if value is None:
        return None
    text = str.__str__(value) if isinstance(value, str) else str(value)  # of an enum its value
    text = text[:CHARACTERS]
    if not text.isprintable():  # a line break would forge a log line, a lone surrogate break a request
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text or None
