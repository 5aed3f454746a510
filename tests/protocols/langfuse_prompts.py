"""Prompts that Langfuse's clients read, and what `langfuse_app` and `langfuse_app.mjs` get of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support import Api, PromptRepository

RICH = """
model: openai/gpt-5-mini
modelParameters: {temperature: 0.2, maxTokens: 300}
responseFormat: json_object
messages:
  - {role: system, content: "Answer {{name}}."}
  - {placeholder: history}
  - {role: user, content: "{{text}}"}
metadata: {tags: [support, beta], config: {languages: [en, de]}}
"""
TEXT = 'messages: [{role: user, content: "Hi {{name}}"}]\nmetadata: {langfuse: {type: text}}\n'
CONFIG = {
    "languages": ["en", "de"],
    "model": "openai/gpt-5-mini",
    "temperature": 0.2,
    "max_completion_tokens": 300,
    "response_format": {"type": "json_object"},
}
EXPECTED: dict[str, Any] = {
    "label": 1_000_000,
    "version": 1_001_000,
    "latest": 1_002_000,
    "text": "Hi Ada",
    "config": CONFIG,
    "tags": ["support", "beta"],
    "compiled": [
        {"role": "system", "content": "Answer kindly."},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "{{name}}"},
    ],
    "listed": ["kinds/rich", "kinds/text"],
    "fallback": [True, [{"role": "user", "content": "Fall back on it"}]],
    "kept": 1_000_000,
    "asked again": 1_002_000,
}
"""The same for all versions. The last two: a promote is seen when the cached answer is not taken any more."""
SAID = {
    "unknown prompt": "there is no prompt 'nothing'; commit its file and tag it",
    "unknown label": "there is no environment 'nope'; there are",
    "unknown version": "summarize has no version '0.0.7'; it has 1.2.0",
    "a change": "promptstage tag summarize --push && promptstage promote summarize latest -e",
}
"""What is in their errors."""


def tag(repository: PromptRepository) -> None:
    """Tag them, beside summarize 1.0.0, 1.1.0 and 1.2.0."""
    repository.tag("kinds/rich", "1.0.0", RICH)
    repository.tag("kinds/text", "1.0.0", TEXT)


def promote(api: Api, environment: str) -> None:
    """Put the first versions in force, as the app wants it."""
    for name in ("summarize", "kinds/rich", "kinds/text"):
        assert api.act("promote", name, {"version": "1.0.0"}, environment).status == 200


def check(found: dict[str, Any]) -> None:
    """Compare what an app got."""
    errors = found.pop("errors")
    assert found == EXPECTED
    for what, said in SAID.items():
        assert said in errors[what], what
