"""200 versions that a tool's own client wrote are imported, and render as that client renders them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli
from hosted_api import Asked, serve
from platforms.mlflow_server import MLFLOW, QUIET, run
from platforms.running import PYTHON, SECONDS
from support import PromptRepository

from promptstage.structured_rendering import make_renderer
from registry.catalog.parsing import document

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = Path(__file__).parent / "import_app.py"
NAME = "triage-mails"
VALUES = {"name": "Ada {x}", "tone": "calm", "question": "Why {not}?"}  # as the app has them
COUNT = 200
TAG = f"{NAME}/v"


def written(tool: str, python: str, **variables: str) -> list[Any]:
    """Let the tool's client write; return what it makes of each version."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME")}
    command = [python, "-W", "ignore", str(APP), tool]
    done = subprocess.run(
        command, env=inherited | variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def imported(folder: Path, tool: str, address: str, variables: Mapping[str, str]) -> PromptRepository:
    """Import what a tool has into a new repository."""
    author = PromptRepository(folder / "prompts-repository")
    author.git("commit", "--allow-empty", "--message", "Begin")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        done = Cli(author.path)("import", tool, address, "--yes")
    assert done.code == 0, done.err
    assert "is not imported" not in done.err
    assert "does not have" not in done.err
    return author


def rendered(author: PromptRepository) -> list[Any]:
    """Render all versions as an app does, in the order of their commits."""
    commits = author.git("log", "--reverse", "--format=%H", "--", f"prompts/{NAME}.prompt.yml").split()
    tags = author.git("for-each-ref", "--format=%(objectname)", f"refs/tags/{TAG}*").split()
    assert sorted(commits) == sorted(tags)
    found = []
    for commit in commits:
        content = author.git("show", f"{commit}:prompts/{NAME}.prompt.yml").encode() + b"\n"
        parsed = document.parse(content, f"{NAME}.prompt.yml").document
        assert (parsed.model.removeprefix("openai/"), parsed.parameters["temperature"]) == ("gpt-4o", 0.5)
        found.append(make_renderer(NAME, parsed).messages(VALUES))
    return found


def require_same(author: PromptRepository, made: list[Any]) -> None:
    """Compare counts, messages and texts."""
    subjects = author.git("log", "--reverse", "--format=%s").splitlines()[1:]
    assert subjects == [f"change {number}" for number in range(1, COUNT + 1)]
    assert rendered(author) == made


@pytest.mark.skipif(not MLFLOW, reason="make platforms")
def test_mlflow(tmp_path: Path) -> None:
    """Its server and its client, both real."""
    with run(tmp_path) as address:
        made = written("mlflow", MLFLOW, MLFLOW_TRACKING_URI=address, **QUIET)
        author = imported(tmp_path, "mlflow", address, {})

    require_same(author, made)


class AsLangfuse:
    """Keeps what Langfuse's client writes, and gives it as its server does."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.method == "POST":
            number = len(self.versions) + 1
            made = {
                "tags": [],
                "version": number,
                "createdAt": f"2025-03-01T10:{number // 60:02}:{number % 60:02}Z",
            }
            self.versions.append({"type": "text", **asked.body, **made, "resolutionGraph": None})
            return self.versions[-1]
        if asked.path == "/api/public/v2/prompts":
            numbers = [version["version"] for version in self.versions]
            return {"data": [{"name": NAME, "versions": numbers}], "meta": {"page": 1, "totalPages": 1}}
        if asked.path == f"/api/public/v2/prompts/{NAME}" and asked.query["resolve"] == "false":
            return self.versions[int(asked.query["version"]) - 1]
        return None


@pytest.mark.skipif(not PYTHON, reason="make platforms")
def test_langfuse(tmp_path: Path) -> None:
    """Its client, and a stand-in that keeps what it sends."""
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
    with serve(AsLangfuse().answer) as api:
        more = {"LANGFUSE_BASE_URL": api.url, "LANGFUSE_TRACING_ENABLED": "false"}
        made = written("langfuse", PYTHON, **keys, **more)
        author = imported(tmp_path, "langfuse", api.url, keys)

    require_same(author, made)


class AsLangSmith:
    """Keeps what LangSmith's client pushes, and gives it as its server does."""

    def __init__(self) -> None:
        self.commits: list[dict[str, Any]] = []
        self.repo: dict[str, Any] | None = None
        self.tags: dict[str, str] = {}

    def answer(self, asked: Asked) -> Any:
        """Answer a request."""
        place = re.sub(f"/-/{NAME}(?=/|$)", "/it", asked.path)
        if asked.method == "POST":
            return self.keep(place, asked.body)
        if place == "/commits/it":
            offset, limit = int(asked.query["offset"]), int(asked.query["limit"])
            newest = [{**each, "manifest": None} for each in reversed(self.commits)]
            return {"commits": newest[offset : offset + limit], "total": len(newest)}
        known = {
            "/settings": {"id": "t", "display_name": "x", "created_at": "2025-03-01T10:00:00"},
            "/repos": {"repos": [self.repo], "total": 1},
            "/repos/it": self.repo and {"repo": self.repo},
            "/repos/it/tags": [{"tag_name": name, "commit_hash": each} for name, each in self.tags.items()],
        }
        by_hash = {f"/commits/it/{each['commit_hash']}": each for each in self.commits}
        return (known | by_hash).get(place)

    def keep(self, place: str, body: Any) -> Any:
        """Keep what is pushed."""
        at = f"2025-03-01T10:{len(self.commits) // 60:02}:{len(self.commits) % 60:02}"
        if place == "/repos":
            counts = dict.fromkeys(("num_likes", "num_downloads", "num_views", "num_commits"), 0)
            about = {
                "id": "1",
                "tenant_id": "t",
                "owner": None,
                "full_name": f"-/{NAME}",
                "is_archived": False,
            }
            self.repo = {**body, **counts, **about, "created_at": at, "updated_at": at, "repo_type": "prompt"}
            return {"repo": self.repo}
        if place == "/repos/it/tags":
            self.tags[body["tag_name"]] = body["commit_id"].removeprefix("id-")
            return {}
        commit = f"c{len(self.commits):03}"
        found = {"id": f"id-{commit}", "commit_hash": commit, "parent_commit_hash": body["parent_commit"]}
        described = {"created_at": at, "description": body.get("description"), "manifest": body["manifest"]}
        self.commits.append({**found, **described})
        return {"commit": self.commits[-1]}


@pytest.mark.skipif(not PYTHON, reason="make platforms")
def test_langsmith(tmp_path: Path) -> None:
    """Its client and LangChain, and a stand-in that keeps what they send."""
    key = {"LANGSMITH_API_KEY": "lsv2_1"}
    with serve(AsLangSmith().answer) as api:
        made = written("langsmith", PYTHON, **key, LANGSMITH_ENDPOINT=api.url, LANGSMITH_TRACING="false")
        author = imported(tmp_path, "langsmith", api.url, key)

    require_same(author, made)
