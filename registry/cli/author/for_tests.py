"""Prompt files for an application's tests: the entry point that `promptstage.testing` looks for."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptstage.model import Release, Served, dump_release
from registry.catalog import naming
from registry.catalog.parsing import partials
from registry.cli.author import source
from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.cli.author.source import Source

VERSION = "1.0.0"  # of every file: what is in a worktree has none so far
ARM = "stable"


def read(folder: str) -> dict[str, dict[str, Any]]:
    """Read each prompt file as the release that serves it to everyone. Raises ValueError."""
    try:
        files = source.below(Path(folder)) if Path(folder).is_dir() else {}
        found = {name: _release(name, file) for name, file in files.items()}
    except RegistryError as error:
        raise ValueError(error.message) from error
    if not found:
        raise ValueError(
            f"there is no prompt file in {folder}; name the folder that has them, such as prompts"
        )
    return found


def _release(name: str, file: Source) -> dict[str, Any]:
    suffix = next(suffix for suffix in naming.SUFFIXES if file.path.endswith(suffix))
    whole = partials.pack(name + suffix, file.content, file.files or {})
    digest = f"sha256:{sha256(whole).hexdigest()}"
    served = Served(VERSION, None, digest, "", file.parse().document)
    return dump_release(Release("test", name, 1, 1, (), None, VERSION, ARM, {VERSION: served}))
