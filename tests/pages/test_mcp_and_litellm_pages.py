"""The lines of docs/integrations/mcp.md and litellm.md."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest
import yaml
from pages.markdown import ROOT, blocks

from registry.policies.file import read as read_rules

if TYPE_CHECKING:
    from pathlib import Path

MCP, LITELLM = "docs/integrations/mcp.md", "docs/integrations/litellm.md"


def test_mcp_is_switched_on_as_the_page_says(tmp_path: Path) -> None:
    """By a table of the operator's file."""
    file = tmp_path / "rules.toml"
    file.write_text(blocks(MCP, "toml")[0].text)

    assert read_rules(file, ["production"]).protocols.mcp


def test_each_clients_file_is_json() -> None:
    """And sends a token."""
    files = [json.loads(block.text) for block in blocks(MCP, "json")]

    assert len(files) == 3
    assert all("Authorization" in json.dumps(file) for file in files)


@pytest.mark.parametrize("page", [MCP, LITELLM])
def test_the_pages_python_is_python(page: str) -> None:
    """Its lines are run by the tests of the clients."""
    assert blocks(page, "python")
    for block in blocks(page, "python"):
        compile(block.text, page, "exec")


def test_litellms_proxy_loads_what_the_page_says() -> None:
    """The configuration that `make platforms` starts the proxy with has the same line."""
    proxy, generic = (yaml.safe_load(block.text) for block in blocks(LITELLM, "yaml"))
    run = (ROOT / "tests/platforms/test_litellm_prompts.py").read_text()

    assert f"callbacks: {proxy['litellm_settings']['callbacks']}" in run
    assert generic["prompts"][0]["litellm_params"]["prompt_integration"] in run


def test_the_commands_send_a_token_and_a_prompt() -> None:
    """That of Claude Code by a header, and a caller of LiteLLM's proxy its prompt in JSON."""
    (added,) = (shlex.split(block.text) for block in blocks(MCP, "sh"))
    (asked,) = (shlex.split(block.text) for block in blocks(LITELLM, "sh"))
    sent = json.loads(asked[asked.index("--json") + 1])

    assert added[:3] == ["claude", "mcp", "add"]
    assert added[-1] == "Authorization: Bearer $PROMPTSTAGE_TOKEN"
    assert (sent["prompt_id"], sent["prompt_variables"].keys()) == ("summarize", {"text"})
