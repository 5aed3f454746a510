"""Parameters of models under the names that prompt files have. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHER_NAMES = {"maxOutputTokens": "maxTokens", "stopSequences": "stop"}


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters in the spelling of GitHub's files: ``max_tokens`` is ``maxTokens``, and alike."""
    named = {re.sub("_([a-z])", lambda found: found[1].upper(), key): value for key, value in given.items()}
    return {_OTHER_NAMES.get(key, key): value for key, value in named.items()}
