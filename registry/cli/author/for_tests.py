"""Prompt files for an application's tests: the entry point that `promptstage.testing` looks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from promptstage.model import Release, Served, dump_release
from registry.cli.author import source
from registry.errors import RegistryError

VERSION = "1.0.0"  # of every file: what is in a worktree has none so far
ARM = "stable"


def read(folder: str) -> dict[str, dict[str, Any]]:
    """Read each prompt file as the release that serves it to everyone. Raises ValueError."""
    try:
        found = {name: file.parse().document for name, file in source.below(Path(folder)).items()}
    except RegistryError as error:
        raise ValueError(error.message) from error
    if not found:
        raise ValueError(
            f"there is no prompt file in {folder}; name the folder that has them, such as prompts"
        )
    return {
        name: dump_release(
            Release(
                "test", name, 1, 1, (), None, VERSION, ARM, {VERSION: Served(VERSION, None, "", "", document)}
            )
        )
        for name, document in found.items()
    }
