"""In which environment a call is counted that comes without one in its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN = "unknown"  # kept apart, and named by doctor


def place_of(named: str | None, known: Sequence[str], own: Sequence[str]) -> str | None:
    """Return the environment of what names one, or none.

    Args:
        named: the resource attribute `deployment.environment.name`.
        known: the registry's environments.
        own: the token's; none means all.

    Returns:
        None where the token may not report. A name that is not the registry's is not taken for any other: an
        app says there that it runs elsewhere.
    """
    if named in known:
        return named if not own or named in own else None
    only = own or known
    return only[0] if not named and len(only) == 1 else UNKNOWN
