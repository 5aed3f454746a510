"""Langfuse: its prompts are cached in the process for a time, and have no split."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.service import serve
from bench.peer.turns import PROMPT, RENDER, TEXT, VALUES, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATH = "/api/public/v2/prompts/steady"


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client that has fetched the prompt, for longer than this takes."""
    held = {"name": "steady", "version": 1, "type": "text", "prompt": TEXT, "config": {}}
    url = serve({PATH: {**held, "labels": ["production"], "tags": []}})
    client = import_module("langfuse").Langfuse(
        public_key="pk", secret_key="sk", base_url=url, tracing_enabled=False
    )
    prompt = client.get_prompt("steady", cache_ttl_seconds=3600)
    return {
        "get_prompt": Work(PROMPT, lambda _: client.get_prompt("steady"), "cached; tracing off"),
        "compile": Work(RENDER, lambda _: prompt.compile(**VALUES), "a text"),
    }


if __name__ == "__main__":
    answer(set_up)
