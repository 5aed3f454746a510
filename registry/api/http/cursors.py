"""Read the cursor of a page, which a caller may have made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")

END = 2**63  # the databases hold whole numbers from -END up to END
CALL_BYTES = 16  # of the id of a call


def whole(digits: str, base: int = 10) -> int:
    """Read a whole number that a database can hold. Raises Invalid."""
    return _read(lambda: int(digits, base), lambda number: -END <= number < END)


def decimal(digits: str) -> float:
    """Read a number as great as those of `whole`; infinity and NaN are none. Raises Invalid."""
    return _read(lambda: float(digits), lambda number: -END <= number < END)


def call(digits: str) -> bytes:
    """Read the id of a call, as bytes. Raises Invalid."""
    return _read(lambda: bytes.fromhex(digits), lambda found: len(found) == CALL_BYTES)


def _read(read: Callable[[], T], fits: Callable[[T], bool]) -> T:
    try:
        found = read()
    except ValueError:
        found = None
    if found is None or not fits(found):
        raise Invalid("cursor: give back `next_cursor` as it was", code="invalid_request")
    return found
