"""PromptLayer: its prompts are cached in the process when asked to, and rendered when they are fetched."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.service import serve
from bench.peer.turns import PROMPT, RENDER, TEXT, VALUES, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client that has fetched the prompt, for longer than this takes."""
    content = [{"type": "text", "text": TEXT}]
    message = {
        "role": "user",
        "content": content,
        "template_format": "jinja2",
        "input_variables": list(VALUES),
    }
    template = {"type": "chat", "messages": [message], "input_variables": list(VALUES)}
    url = serve(
        {
            "/prompt-templates/steady": {
                "id": 1, "prompt_name": "steady", "version": 1, "prompt_template": template, "metadata": None,
                "llm_kwargs": None,
            }
        }
    )  # fmt: skip
    client = import_module("promptlayer").PromptLayer(api_key="key", base_url=url, cache_ttl_seconds=3600)
    return {
        "templates.get": Work(
            PROMPT, lambda _: client.templates.get("steady"), "cached; a copy of the template each time"
        ),
        "templates.get with input_variables": Work(
            RENDER,
            lambda _: client.templates.get("steady", {"input_variables": VALUES}),
            "gets and renders in one call; jinja2",
        ),
    }


if __name__ == "__main__":
    answer(set_up)
