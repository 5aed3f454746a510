"""Fetch all versions of all prompts of a project of Langfuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.cli.hosted import api
from registry.cli.hosted.api import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.importers.imported import Files

PUBLIC_KEY, SECRET_KEY = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"
EXAMPLE = "https://cloud.langfuse.com"
PAGE = 100  # prompts in an answer: the most that it gives
_PROMPTS = "/api/public/v2/prompts"


def usual() -> str:
    """Return where Langfuse's own client asks."""
    return api.first("LANGFUSE_BASE_URL", "LANGFUSE_HOST") or EXAMPLE


def fetch(source: str, tell: Callable[[str], None]) -> Files:
    """Return what the API gives of each version, with includes as they are written.

    Args:
        source: the address, such as ``https://cloud.langfuse.com``.
        tell: shows progress.
    """
    user, password = api.keys(PUBLIC_KEY, SECRET_KEY)
    remedy = f"Set {PUBLIC_KEY} and {SECRET_KEY} to keys of the project at {source}"
    tool = Api("Langfuse", EXAMPLE, api.address(source), api.basic(user, password), [password], remedy, tell)
    files: dict[str, bytes] = {}
    for prompt in list(_prompts(tool)):
        name, numbers = prompt.get("name"), prompt.get("versions")
        for number in numbers if isinstance(name, str) and isinstance(numbers, list) else ():
            tell(f"{name} {number}")
            found = tool.get(f"{_PROMPTS}/{api.segment(str(name))}", version=number, resolve="false")
            files[f"{name} {number}"] = json.dumps(found).encode()
    return files


def _prompts(tool: Api) -> Iterator[dict[str, Any]]:
    page = 1
    while True:
        answer = tool.get(_PROMPTS, page=page, limit=PAGE)
        found = api.entries(answer, "data", tool)
        yield from found
        meta = answer.get("meta")
        pages = meta.get("totalPages") if isinstance(meta, dict) else None
        if not found or (page >= pages if isinstance(pages, int) else len(found) < PAGE):
            return
        page += 1
