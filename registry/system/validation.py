"""What pydantic finds wrong with a value, in words that say what to write. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_A_VALIDATOR = "Value error, "  # what pydantic puts before a sentence of ours


def in_words(found: Mapping[str, Any], plain: Mapping[str, str]) -> str:
    """Return one of pydantic's errors as a sentence.

    Args:
        found: one of `ValidationError.errors()`.
        plain: sentences by the error's type; ``{ge}`` and the like are the bounds that it names.
    """
    ours = plain.get(found["type"], "").format(**found.get("ctx", {}))
    return ours or str(found["msg"]).removeprefix(_OF_A_VALIDATOR)
