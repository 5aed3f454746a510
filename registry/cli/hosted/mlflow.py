"""Fetch all versions of all prompts of a tracking server of MLflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry.cli.hosted import api
from registry.cli.hosted.api import Api
from registry.errors import Invalid, Unavailable
from registry.importers.mlflow import IS_PROMPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.importers.imported import Files

USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
TRACKING_URI = "MLFLOW_TRACKING_URI"
WORKSPACE = "MLFLOW_WORKSPACE"
EXAMPLE = "http://127.0.0.1:5000"
PAGE = 200  # versions in an answer; a prompt has at most some 100 KB
_LISTS = ("registered-models", "model-versions")


def usual() -> str:
    """Return where MLflow's own client asks, if that is a server. Raises Invalid."""
    found = api.first(TRACKING_URI)
    if found.startswith(("http://", "https://")):
        return found
    raise Invalid(
        f"{TRACKING_URI} names no server; start one (mlflow server), and give its address, such as {EXAMPLE}"
    )


def fetch(source: str, tell: Callable[[str], None]) -> Files:
    """Return the pages of prompts and of their versions.

    Args:
        source: the address as MLFLOW_TRACKING_URI has it, such as ``http://127.0.0.1:5000``.
        tell: shows progress.
    """
    user, password, token, workspace = map(api.first, (USERNAME, PASSWORD, TOKEN, WORKSPACE))
    headers = {"X-MLFLOW-WORKSPACE": workspace} if workspace else {}
    if user:
        headers |= api.basic(user, password)
    elif token:
        headers["Authorization"] = f"Bearer {token}"
    remedy = f"Set {USERNAME} and {PASSWORD}, or {TOKEN}, as for MLflow's own client"
    tool = Api(
        "MLflow", EXAMPLE, api.address(source), headers, list(filter(None, (password, token))), remedy, tell
    )
    return {f"{kind} {page}": body for kind in _LISTS for page, body in enumerate(_pages(tool, kind), 1)}


def _pages(tool: Api, kind: str) -> list[bytes]:
    """Return the answers of a list, which MLflow filters by the tag of prompts."""
    path, token, seen, found = f"/api/2.0/mlflow/{kind}/search", "", {""}, list[bytes]()
    while True:
        query = {"filter": f"tags.`{IS_PROMPT}` = 'true'", "max_results": PAGE}
        answer = tool.get(path, **query, **({"page_token": token} if token else {}))
        if answer != {}:  # as it is where there are none
            api.entries(answer, kind.replace("-", "_"), tool)
        found.append(json.dumps(answer).encode())
        tool.tell(f"{kind}: {len(found)} pages")
        token = answer.get("next_page_token")
        if not token:
            return found
        if token in seen:
            raise Unavailable(
                f"{tool.tool} gives a page of {kind} twice; export a dump by its client instead"
            )
        seen.add(token)
