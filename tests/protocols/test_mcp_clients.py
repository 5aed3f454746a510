"""MCP's own client, unmodified, in both eras of the protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError
from pages.markdown import blocks
from support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support import Registry

ERAS = ("auto", "legacy")
PREFIX = "dev.promptstage/"


def with_client(
    registry: Registry,
    environment: str,
    mode: str,
    work: Callable[[Client], Awaitable[Any]],
    token: str = "",
) -> Any:
    """Do something with a client that knows an address and a token."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {token or registry.api.token}"}
        url = f"{registry.url}/v1/environments/{environment}/mcp"
        async with create_mcp_http_client(headers=headers) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, mode=mode) as client:
                return await work(client)

    return asyncio.run(run())


@pytest.mark.parametrize("mode", ERAS)
def test_a_prompt_is_listed_and_rendered(registry: Registry, environment: str, mode: str) -> None:
    """With its arguments, and with the version that is in force."""
    registry.api.act("promote", "support/triage", {"version": "1.0.0"}, environment)

    async def work(client: Client) -> Any:
        listed = await client.list_prompts()
        return listed.prompts, await client.get_prompt(listed.prompts[0].name, {"text": "my parcel"})

    (prompt,), found = with_client(registry, environment, mode, work)

    assert prompt.name == "support.triage"
    assert [(argument.name, argument.required) for argument in prompt.arguments] == [("text", True)]
    assert [(m.role, m.content.text) for m in found.messages] == [("user", "support/triage 1.0.0: my parcel")]
    assert found.meta[PREFIX + "name"] == "support/triage"
    assert found.meta[PREFIX + "version"] == "1.0.0"
    assert found.meta[PREFIX + "environment"] == environment


def test_a_client_that_listens_is_told_of_a_change(registry: Registry, environment: str) -> None:
    """After what it asked for was acknowledged; then it lists again."""

    async def work(client: Client) -> Any:
        before = await client.list_prompts()
        async with client.listen(prompts_list_changed=True) as subscription:
            promote = registry.api.act
            await asyncio.to_thread(promote, "promote", "summarize", {"version": "1.0.0"}, environment)
            async with asyncio.timeout(PATIENCE):
                event = await anext(aiter(subscription))
            return before.prompts, event, (await client.list_prompts()).prompts

    before, event, after = with_client(registry, environment, "auto", work)

    assert (before, [prompt.name for prompt in after]) == ([], ["summarize"])
    assert type(event).__name__ == "PromptsListChanged"


@pytest.mark.parametrize("mode", ERAS)
def test_an_error_reaches_the_client(registry: Registry, environment: str, mode: str) -> None:
    """With its sentence, in both eras."""
    registry.api.act("promote", "summarize", {"version": "1.0.0"}, environment)

    async def work(client: Client) -> Any:
        with pytest.raises(MCPError) as missing:
            await client.get_prompt("summarize")
        with pytest.raises(MCPError) as unknown:
            await client.get_prompt("nobody")
        return missing.value.error, unknown.value.error

    missing, unknown = with_client(registry, environment, mode, work)

    assert (missing.code, missing.message) == (-32602, "summarize needs text; pass a value for each")
    assert (unknown.code, "there is no prompt" in unknown.message) == (-32602, True)


def test_a_stream_that_the_registry_ends_is_answered(registry: Registry, environment: str) -> None:
    """So the client's loop ends, and it does not take it for a lost connection."""
    made = registry.api.call("POST", "/v1/tokens", {"name": f"listener-{environment}", "role": "reader"}).json

    async def work(client: Client) -> Any:
        async with client.listen(prompts_list_changed=True) as subscription:
            await asyncio.to_thread(registry.api.call, "DELETE", f"/v1/tokens/{made['id']}")
            async with asyncio.timeout(PATIENCE):
                return [event async for event in subscription]

    assert with_client(registry, environment, "auto", work, made["secret"]) == []


def test_the_pages_lines_render_a_prompt(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they stand there."""
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    monkeypatch.setenv("PROMPTSTAGE_URL", registry.url)
    monkeypatch.setenv("PROMPTSTAGE_TOKEN", registry.api.token)
    (block,) = blocks("docs/integrations/mcp.md", "python")

    exec(compile(block.text, "mcp.md", "exec"), {})

    assert capsys.readouterr().out == "summarize 1.0.0: my parcel never came 1.0.0\n"
