"""The shapes of requests, by which type checkers know what a call returns. At run time they are dicts.

A prompt may have more parameters than these. `model` is absent if the prompt names none, as a fallback does.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict


class OpenAIRequest(TypedDict, total=False):
    """Arguments for ``client.chat.completions.create(**...)`` of OpenAI's SDK, or ``litellm.completion``."""

    model: Required[str]
    messages: Required[list[Any]]
    temperature: Any
    top_p: Any
    max_completion_tokens: Any
    stop: Any
    seed: Any
    frequency_penalty: Any
    presence_penalty: Any
    reasoning_effort: Any
    response_format: Any
    tools: list[Any]
    tool_choice: Any


class AnthropicRequest(TypedDict, total=False):
    """Arguments for ``client.messages.create(**...)`` of Anthropic's SDK."""

    model: Required[str]
    max_tokens: Required[int]
    messages: Required[list[Any]]
    system: Any
    stop_sequences: list[str]
    output_config: Any
    tools: list[Any]
    tool_choice: Any
