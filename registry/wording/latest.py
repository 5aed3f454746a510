"""Resolve ``latest`` to a version, and name the invalid versions that it skips."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from registry.catalog.naming import LATEST
from registry.wording import describe, paths
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.wording.reads import Reads


class Latest(NamedTuple):
    """The version that ``latest`` stands for, and a sentence about what it passes over, if it does."""

    version: str
    warning: str


def find(registry: Reads, name: str, found: Json | None = None) -> Latest:
    """Ask what the latest version is; `found` is what the registry answered for ``latest``, if it was asked.

    Raises Refused or Unavailable.
    """
    found = found or version(registry, name, LATEST)
    broken = found.get("passed_over")  # an older registry does not tell
    if not broken:
        return Latest(found["version"], "")
    told = [f"{clean(one['version'])} is passed over, as it is invalid: {_why(one)}" for one in broken]
    return Latest(found["version"], "; ".join([f"the latest of {name} is {clean(found['version'])}", *told]))


def version(registry: Reads, name: str, wanted: str) -> Json:
    """Read a version, which settles whether it is valid. Raises Refused or Unavailable."""
    return registry.get(f"{paths.prompt_path(name)}/versions/{quote(wanted)}", "document")


def _why(found: Json) -> str:
    return describe.problem(found["problem"]) if found["problem"] else "it cannot be read"
