"""Single values of a span's attributes: of another type, or out of bounds, they are unknown."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp.spans import CONCEPTS, MAX_NAME, clean
from registry.outcomes.otlp.tools import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.outcomes.otlp.spans import Value

_MOST_TOKENS = 1 << 31
# Where usage stands in a JSON text: Langfuse keeps the provider's own, LangSmith its `usage_metadata`.
_USAGE = {
    "input_tokens": (("prompt_tokens",), ("input_tokens",), ("input",)),
    "output_tokens": (("completion_tokens",), ("output_tokens",), ("output",)),
    "cached_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("input_token_details", "cache_read"),
    ),
    "reasoning_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_token_details", "reasoning"),
    ),
}


def first(attributes: Mapping[str, Value], concept: str) -> Value | None:
    """Return the first attribute of a concept that is there and not empty."""
    for key in CONCEPTS[concept]:
        if (value := attributes.get(key)) is not None and value != "":
            return value
    return None


def text(value: object) -> str | None:
    """Return a text as a call's fields hold it."""
    return clean(value, MAX_NAME) or None if isinstance(value, str) else None


def amount(value: object) -> float | None:
    """Return a number that is not negative."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def tokens(attributes: Mapping[str, Value]) -> dict[str, int | None]:
    """Return all counts of tokens, by the names of a call's fields."""
    usage = parsed(first(attributes, "usage"))
    return {concept: _count(first(attributes, concept), usage, paths) for concept, paths in _USAGE.items()}


def _count(value: Any, usage: Any, paths: tuple[tuple[str, ...], ...]) -> int | None:
    if value is None and usage:
        value = next((found for path in paths if (found := _at(usage, path)) is not None), None)
    number = amount(value)
    return int(number) if number is not None and number < _MOST_TOKENS else None


def _at(usage: Any, path: tuple[str, ...]) -> object:
    for key in path:
        usage = usage.get(key) if isinstance(usage, dict) else None
    return usage


def hashed(identity: object) -> str | None:
    """Hash an identity as the client does: what arrives here in plain is not kept."""
    if not isinstance(identity, str | int) or identity == "":
        return None
    return hashlib.sha256(str(identity).encode("utf-8", "surrogatepass")).hexdigest()[:16]
