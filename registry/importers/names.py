"""Names of prompts here, for their names elsewhere. Pure."""

from __future__ import annotations

from registry.catalog import naming
from registry.errors import Invalid
from registry.system.text import escape


def of(foreign: str) -> str:
    """Return the valid name most like a foreign one: ``Support/Triage v2`` becomes ``support/triage-v2``.

    Raises:
        Invalid: there is none; nothing of a path such as ``../x`` is kept.
    """
    found = foreign if naming.is_name(foreign) else naming.suggest(foreign)
    if found is None or ".." in foreign.split("/"):
        shown = escape(foreign.encode("utf-8", "surrogatepass"))
        raise Invalid(f"{shown} makes no prompt's name here; rename it in the source", code="bad_name")
    return found
