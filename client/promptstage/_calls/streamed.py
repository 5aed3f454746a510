"""Read a streamed response part by part, by the shape of the parts alone. Pure.

OpenAI's and LiteLLM's chunks    choices with a delta; the usage is in the last one, if it was asked for
OpenAI's Responses               events of a type response.*; the last one has the whole response
Anthropic's events               message_start has the input, message_delta the output so far
Google's                         candidates, and the usage so far
Bedrock's events                 one key each: contentBlockDelta, messageStop, metadata
text                             what some SDKs give instead: the time to the first one, and no usage
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptstage._calls.answer import Answer
from promptstage._calls.responses import (
    add_text,
    add_tool,
    field,
    read_chat_usage,
    read_converse_usage,
    read_google,
    read_message_start,
    read_responses,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE = {"response.completed", "response.incomplete", "response.failed"}


class StreamedAnswer:
    """The parts of one response so far.

    Attributes:
        answer: what they say together.
        has_begun: whether one of them was a piece of the answer.
    """

    __slots__ = ("_take", "_tools", "answer", "has_begun")

    def __init__(self, *, texts: bool = False) -> None:
        self.answer = Answer()
        if texts:
            self.answer.texts = []
        self.has_begun = False
        self._tools: dict[object, list[Any]] = {}
        self._take: Callable[[Any], None] | None = None

    def feed(self, part: object) -> None:
        """Take one in. Nothing that it is, or does when it is looked at, is an error."""
        try:
            if self._take is None:
                self._take = self._reader(part)
            self._take(part)
        except Exception:  # noqa: BLE001 - any object may be given
            self.answer.odd += 1

    def _reader(self, part: Any) -> Callable[[Any], None]:
        """Tell by the first part how to read them."""
        if isinstance(part, str):
            return self._text
        if field(part, "choices") is not None:
            return self._chunk
        if isinstance(field(part, "type"), str):
            return self._event
        if field(part, "candidates") is not None or field(part, "usage_metadata") is not None:
            return self._google
        if isinstance(part, dict):
            return self._converse
        self.answer.odd += 1
        return self._unknown

    def _unknown(self, _: object) -> None:
        self.has_begun = True

    def _text(self, part: str) -> None:
        self.has_begun = True
        if self.answer.texts is not None:
            self.answer.texts.append(part)

    def _chunk(self, part: Any) -> None:
        answer = self.answer
        if answer.model is None:
            answer.model = answer.word(field(part, "model"))
            answer.tools = answer.tools or []
        if (usage := field(part, "usage")) is not None:
            read_chat_usage(answer, usage)
            answer.cost_usd = answer.dollars(field(usage, "cost"))  # of LiteLLM and OpenRouter
        for choice in field(part, "choices") or ():
            if (reason := field(choice, "finish_reason")) is not None:
                answer.finish_reason = answer.word(reason)
            delta = field(choice, "delta")
            if content := field(delta, "content"):
                self.has_begun = True
                if answer.texts is not None:
                    add_text(answer, content)
            for call in field(delta, "tool_calls") or ():
                self._tool_chunk(call)
            if not self.has_begun and field(delta, "reasoning_content"):
                self.has_begun = True

    def _tool_chunk(self, call: Any) -> None:
        """Take in a piece of a tool's call: the name is in the first one, and the index tells them apart."""
        self.has_begun = True
        called = field(call, "function")
        index = field(call, "index")
        if name := field(called, "name"):
            self._tool(index, name)
        self._arguments(index, field(called, "arguments"))

    def _event(self, part: Any) -> None:
        kind = field(part, "type")
        if kind == "chunk":  # of the helper of OpenAI's SDK, around a chunk
            self._chunk(field(part, "chunk"))
        elif kind.startswith("response."):
            self._response_event(kind, part)
        elif kind == "content_block_delta":
            self._block_delta(field(part, "index"), field(part, "delta"))
        elif kind == "content_block_start":
            block = field(part, "content_block")
            if field(block, "type") == "tool_use":
                self._tool(field(part, "index"), field(block, "name"))
        elif kind == "message_start":
            message = field(part, "message")
            usage = field(message, "usage")
            read_message_start(self.answer, message, usage)
            self._output(usage)
            self.answer.tools = []
        elif kind == "message_delta":
            self.answer.finish_reason = self.answer.word(field(field(part, "delta"), "stop_reason"))
            self._output(field(part, "usage"))

    def _output(self, usage: Any) -> None:
        """Take over the tokens of the output: of a message that is streamed they are a running total."""
        tokens = self.answer.tokens(field(usage, "output_tokens"))
        self.answer.output_tokens = self.answer.output_tokens if tokens is None else tokens

    def _response_event(self, kind: str, part: Any) -> None:
        if kind in _WHOLE:
            response = field(part, "response")
            read_responses(self.answer, response)
        elif kind.endswith(".delta"):
            self.has_begun = True

    def _block_delta(self, index: object, delta: Any) -> None:
        self.has_begun = True
        if self.answer.texts is None:
            return
        kind = field(delta, "type")
        if kind == "text_delta":
            add_text(self.answer, field(delta, "text"))
        elif kind == "input_json_delta":
            self._arguments(index, field(delta, "partial_json"))

    def _google(self, part: Any) -> None:
        read_google(self.answer, part)
        self.has_begun = self.has_begun or bool(field(part, "candidates"))

    def _converse(self, part: Any) -> None:
        answer = self.answer
        answer.tools = answer.tools or []
        if "contentBlockDelta" in part:
            self.has_begun = True
            add_text(answer, field(field(part["contentBlockDelta"], "delta"), "text"))
        elif "contentBlockStart" in part:
            use = field(field(part["contentBlockStart"], "start"), "toolUse")
            if use is not None:
                self._tool(field(part["contentBlockStart"], "contentBlockIndex"), field(use, "name"))
        elif "messageStop" in part:
            answer.finish_reason = answer.word(field(part["messageStop"], "stopReason"))
        elif "metadata" in part:
            read_converse_usage(answer, field(part["metadata"], "usage"))

    def _tool(self, index: object, name: object) -> None:
        add_tool(self.answer, name, "")
        if self.answer.tools:
            self._tools[index] = self.answer.tools[-1]

    def _arguments(self, index: object, piece: object) -> None:
        tool = self._tools.get(index)
        if tool is not None and self.answer.texts is not None and isinstance(piece, str):
            tool[1] += piece
