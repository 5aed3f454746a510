"""MCP's clients in other languages and frameworks, unmodified, against a registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = shutil.which("node")
MODULES = os.environ.get("PROMPTSTAGE_NODE", "")
FASTMCP = os.environ.get("PROMPTSTAGE_FASTMCP", "")
HERE = Path(__file__).parent
# What each kind of SDK speaks, as far as it says so.
SPOKEN = {"sdk": "2025-11-25", "client": "2026-07-28"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with one prompt, whose name has a slash."""
    folder = tmp_path_factory.mktemp("mcp")
    repository = PromptRepository(folder / "prompts")
    repository.tag("support/triage", "1.0.0")
    config = folder / "rules.toml"
    config.write_text("[protocols]\nmcp = true\n")
    started = Registry(repository.path, folder / "data", config=str(config))
    started.api.act("promote", "support/triage", {"version": "1.0.0"})
    yield started
    started.stop()


def ran(*command: str) -> dict[str, Any]:
    """What an app wrote."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(found: dict[str, Any]) -> None:
    """It got all that it asked for."""
    assert found["names"] == ["support.triage"]
    assert found["messages"] == [["user", "support/triage 1.0.0: my parcel"]]
    assert (found["version"], found["completed"]) == ("1.0.0", [])
    assert "-32602" in found["refused"]
    assert "support/triage needs text" in found["refused"]


@pytest.mark.skipif(not (NODE and MODULES), reason="make platforms, with Node")
@pytest.mark.parametrize("kind", SPOKEN)
def test_the_javascript_sdks_get_prompts(registry: Registry, tmp_path: Path, kind: str) -> None:
    """That of before 2026, and that of today, each by its own revision."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    app = tmp_path / "app.mjs"
    app.write_text((HERE / "mcp_app.mjs").read_text())
    found = ran("node", str(app), kind, f"{registry.url}/mcp", registry.api.token)

    check(found)
    assert found["spoken"] == SPOKEN[kind]


@pytest.mark.skipif(not FASTMCP, reason="make platforms")
def test_fastmcp_gets_prompts(registry: Registry) -> None:
    """Its client is one of the framework's, on MCP's own."""
    check(ran(FASTMCP, str(HERE / "fastmcp_app.py"), f"{registry.url}/mcp", registry.api.token))
