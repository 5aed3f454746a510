"""What an application writes, for type checkers: the calls of the real SDKs, and what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from anthropic.types import Message
from openai.types.chat import ChatCompletion, ChatCompletionChunk

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic
    from openai import AsyncOpenAI, OpenAI

    from promptstage import Client, Prompt


def ask_openai(llm: OpenAI, prompt: Prompt) -> str | None:
    """As the README shows it; and with a model for a fallback."""
    request = prompt.openai(text="a long text")
    request.setdefault("model", "gpt-5.4-mini")
    request["seed"] = 7
    assert_type(llm.chat.completions.create(**request), ChatCompletion)
    return llm.chat.completions.create(**prompt.openai({"text": "x"})).choices[0].message.content


def ask_anthropic(llm: Anthropic, prompt: Prompt) -> None:
    """With a stream, too."""
    assert_type(llm.messages.create(**prompt.anthropic(text="a long text")), Message)
    with llm.messages.stream(**prompt.anthropic(text="a long text")) as stream:
        assert_type(stream.get_final_message().id, str)


def ask_in_a_call(llm: OpenAI, claude: Anthropic, client: Client) -> None:
    """With what is recorded, and passed on."""
    with client.call("summarize", key="user-42", conversation=17, contexts=["doc-7"]) as call:
        assert_type(call.record(llm.chat.completions.create(**call.openai(text="x"))), ChatCompletion)
        assert_type(call.record(claude.messages.create(**call.anthropic(text="x"))), Message)
        part: ChatCompletionChunk
        for part in call.stream(llm.chat.completions.create(**call.openai(text="x"), stream=True)):
            part.choices.clear()
        call.record(input_tokens=1, output_tokens=2)


async def ask_later(openai: AsyncOpenAI, claude: AsyncAnthropic, prompt: Prompt) -> None:
    """The same in a coroutine."""
    assert_type(await openai.chat.completions.create(**prompt.openai(text="x")), ChatCompletion)
    assert_type(await claude.messages.create(**prompt.anthropic(text="x")), Message)


async def ask_in_a_call_later(openai: AsyncOpenAI, client: Client) -> None:
    """The same in a coroutine, with the coroutine that returns the stream, too."""
    async with client.call("summarize") as call:
        assert_type(
            call.record(await openai.chat.completions.create(**call.openai(text="x"))), ChatCompletion
        )
        part: ChatCompletionChunk
        async for part in call.stream(openai.chat.completions.create(**call.openai(text="x"), stream=True)):
            part.choices.clear()
