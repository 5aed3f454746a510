"""Complete names in a shell: those of the prompts in this worktree."""

from __future__ import annotations

from pathlib import Path

from registry.catalog import naming
from registry.cli.author import layout, worktree
from registry.errors import RegistryError


def names(incomplete: str) -> list[str]:
    """The prompts whose names begin like this; none outside of a worktree.

    Git's index is asked and nothing else: a person waits for it with a finger on the key.
    """
    try:
        paths = worktree.tracked(Path(), *(f"*{suffix}" for suffix in naming.SUFFIXES))
        settings = layout.around(Path()).settings
    except RegistryError:
        return []
    found = set(settings.prompts_in(paths).values())
    return sorted(name for name in found if name.startswith(incomplete))
