"""Why a request is refused."""

from __future__ import annotations


class Malformed(ValueError):
    """Bytes that are no request."""


class TooLarge(ValueError):
    """A request beyond the limits."""
