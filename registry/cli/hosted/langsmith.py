"""Fetch all commits of all prompts of a workspace of LangSmith."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.cli.hosted import api
from registry.cli.hosted.api import Api
from registry.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.importers.imported import Files

KEY, WORKSPACE = "LANGSMITH_API_KEY", "LANGSMITH_WORKSPACE_ID"
EXAMPLE = "https://api.smith.langchain.com"
PAGE = 100  # entries of an answer: the most that it gives
OWN = "-"  # the owner in a path: the workspace of the key


def usual() -> str:
    """Return where LangSmith's own client asks."""
    return api.first("LANGSMITH_ENDPOINT") or EXAMPLE


def fetch(source: str, tell: Callable[[str], None]) -> Files:
    """Return what the API gives of each prompt, commit and tag, with the prompt's name added.

    Args:
        source: the address as LANGSMITH_ENDPOINT has it, such as ``https://api.smith.langchain.com``.
        tell: shows progress.
    """
    (key,) = api.keys(KEY)
    headers = {"X-API-Key": key}
    if workspace := api.first(WORKSPACE):
        headers["X-Tenant-Id"] = workspace
    remedy = f"Set {KEY} to a key of the workspace at {source}; one of many workspaces needs {WORKSPACE}, too"
    tool = Api("LangSmith", EXAMPLE, api.address(source), headers, [key], remedy, tell)
    tenant = tool.get("/settings")
    own = tenant.get("id") if isinstance(tenant, dict) else None
    found: list[dict[str, Any]] = []
    for repo in list(_pages(tool, "/repos", "repos", is_archived="false")):
        handle = repo.get("repo_handle")
        is_prompt = repo.get("repo_type", "prompt") == "prompt" and repo.get("tenant_id") == own
        if isinstance(handle, str) and is_prompt:  # the list has prompts that others made public, too
            found += [repo, *_repo(tool, handle)]
    return {"langsmith": json.dumps(found).encode()}


def _repo(tool: Api, handle: str) -> Iterator[dict[str, Any]]:
    """Yield the commits of a prompt, each as the list has it and by itself, and its tags."""
    place = f"{OWN}/{api.segment(handle)}"
    for listed in list(_pages(tool, f"/commits/{place}", "commits")):
        commit = listed.get("commit_hash")
        tool.tell(f"{handle} {commit}")
        one = tool.get(f"/commits/{place}/{api.segment(str(commit))}", include_model="true")
        yield from ({"repo": handle, **each} for each in (listed, one) if isinstance(each, dict))
    try:
        tags = tool.get(f"/repos/{place}/tags")
    except NotFound:
        return  # an older server has none
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict):
            yield {"repo": handle, **tag}


def _pages(tool: Api, path: str, key: str, **query: str) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        answer = tool.get(path, limit=PAGE, offset=offset, **query)
        found = api.entries(answer, key, tool)
        yield from found
        offset += len(found)
        total = answer.get("total")
        if not found or (offset >= total if isinstance(total, int) else len(found) < PAGE):
            return
