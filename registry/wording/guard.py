"""Tell which guard a start will have: what it says, over what the environment says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.wording import paths
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.wording.reads import Reads


def of(registry: Reads, environment: str, body: Json) -> Json | None:
    """Ask for the environment's guard, and put in what a start says; None: it has none.

    Raises Refused or Unavailable.
    """
    asked = body.get("guard")
    if asked is False:
        return None
    try:
        found = registry.get(paths.guard_path(environment), "guard")
    except Refused as error:
        if error.code == "not_found":  # an earlier registry, which has no guards
            return None
        raise
    if asked is None and not found["default"]:
        return None
    judged: Json = found["guard"]
    return judged | (asked if isinstance(asked, dict) else {})
