"""The names of prompts for MCP clients, which make commands of them. Pure.

They take letters, digits, `_`, `-` and `.`, so `support/triage` is `support.triage`. No two names become one:
a prompt's own name has no dot.
"""

from __future__ import annotations


def shown(name: str) -> str:
    """Return the name that clients are shown."""
    return name.replace("/", ".")


def meant(name: str) -> str:
    """Return the prompt's own name of a shown one; that itself is taken, too."""
    return name.replace(".", "/")
