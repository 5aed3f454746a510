"""LangSmith: its prompts are cached in the process as they came, and are LangChain's."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.service import serve
from bench.peer.turns import PROMPT, RENDER, TEXT, VALUES, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client that has fetched the prompt."""
    templates = import_module("langchain_core.prompts")
    dump = import_module("langchain_core.load").dumpd
    written = templates.ChatPromptTemplate.from_messages([("user", TEXT)], template_format="mustache")
    plain = templates.ChatPromptTemplate.from_messages([("user", TEXT.replace("{{", "{").replace("}}", "}"))])
    commit = {"commit_hash": "c0ffee", "manifest": dump(written), "examples": []}
    url = serve({"/commits/-/steady/latest": commit, "/info": {}})
    client = import_module("langsmith").Client(api_url=url, api_key="key", auto_batch_tracing=False)
    prompt = client.pull_prompt("steady")
    return {
        "pull_prompt_commit": Work(
            PROMPT,
            lambda _: client.pull_prompt_commit("steady"),
            "cached; the document as it came, no template",
        ),
        "pull_prompt": Work(
            PROMPT,
            lambda _: client.pull_prompt("steady"),
            "cached, but a template is built from it each time",
        ),
        "format_messages, mustache": Work(
            RENDER, lambda _: prompt.format_messages(**VALUES), "a list of LangChain's messages"
        ),
        "format_messages, f-string": Work(
            RENDER, lambda _: plain.format_messages(**VALUES), "a list of LangChain's messages"
        ),
    }


if __name__ == "__main__":
    answer(set_up)
