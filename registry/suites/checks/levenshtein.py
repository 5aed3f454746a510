"""The number of characters to insert, remove or replace until a text is another one. Pure."""

from __future__ import annotations


def distance(one: str, other: str) -> int:
    """Return the Levenshtein distance, in characters.

    A column of the usual table is one integer of as many bits as the text has characters (Myers 1999, in
    the form of Hyyrö 2003), so two texts of 10,000 characters take some 50 ms.
    """
    if not one or not other:
        return len(one or other)
    full = (1 << len(one)) - 1
    last = 1 << (len(one) - 1)
    places: dict[str, int] = {}
    for index, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << index
    rises, falls, found = full, 0, len(one)
    for character in other:
        here = places.get(character, 0)
        flat = (((here & rises) + rises) ^ rises) | here | falls
        up = falls | ~(flat | rises) & full
        down = rises & flat
        found += bool(up & last) - bool(down & last)
        up = (up << 1 | 1) & full
        rises = (down << 1 | ~(flat | up)) & full
        falls = up & flat
    return found
