"""Complete names in a shell: those of the prompts in this worktree."""

from __future__ import annotations

from pathlib import Path

from registry.catalog import naming
from registry.cli.author import worktree
from registry.errors import RegistryError


def names(incomplete: str) -> list[str]:
    """The prompts whose names begin like this; none outside of a worktree.

    Git's index is asked and nothing else: a person waits for it with a finger on the key.
    """
    try:
        paths = worktree.tracked(Path(), *(f"*{suffix}" for suffix in naming.SUFFIXES))
    except RegistryError:
        return []
    below = [path for path in paths if path.startswith(f"{naming.FOLDER}/")]
    found = {name for path in below or paths if (name := naming.prompt_at(path))}
    return sorted(name for name in found if name.startswith(incomplete))
