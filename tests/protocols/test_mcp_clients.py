"""MCP's own client, unmodified, in both eras of the protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support import Registry

ERAS = ("auto", "legacy")
PREFIX = "dev.promptstage/"


def with_client(
    registry: Registry, environment: str, mode: str, work: Callable[[Client], Awaitable[Any]]
) -> Any:
    """Do something with a client that knows an address and a token."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {registry.api.token}"}
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
