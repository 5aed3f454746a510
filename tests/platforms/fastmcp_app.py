"""What an app does with FastMCP's client; what it got is written as JSON.

python fastmcp_app.py URL TOKEN
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import import_module
from typing import Any


async def main(url: str, token: str) -> None:
    """List, render, complete, and leave an argument out."""
    fastmcp: Any = import_module("fastmcp")
    transports: Any = import_module("fastmcp.client.transports")
    transport = transports.StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})
    async with fastmcp.Client(transport) as client:
        prompts = await client.list_prompts()
        name = prompts[0].name
        rendered = await client.get_prompt(name, {"text": "my parcel"})
        completed = await client.complete({"type": "ref/prompt", "name": name}, {"name": "text", "value": ""})
        refused = ""
        try:
            await client.get_prompt(name)
        except Exception as error:  # noqa: BLE001 - any of its kinds has the sentence
            refused = f"-32602 {error}"
    found = {
        "names": [prompt.name for prompt in prompts],
        "messages": [[message.role, message.content.text] for message in rendered.messages],
        "version": rendered.meta["dev.promptstage/version"],
        "completed": completed.values,
        "refused": refused,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
