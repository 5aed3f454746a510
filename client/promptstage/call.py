"""One call of a model: the block that `Client.call` opens.

with client.call("summarize", key=user_id, route="POST /tickets") as call:
    answer = llm.chat.completions.create(**call.openai(text=text))
    call.record(answer)

Nothing here raises but what `get` and rendering raise: a call is recorded beside the work, and not before it.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from promptstage._calls.identity import make_id, unit_of
from promptstage._calls.record import Record
from promptstage._calls.recording import Recording
from promptstage._calls.text import short
from promptstage.clock import uptime, wall
from promptstage.evaluation import SPLIT
from promptstage.keys import as_key, current_defaults
from promptstage.limits import CALL_LIST
from promptstage.stamp import clear, stamped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from promptstage._calls.content import Redact
    from promptstage.prompt import Prompt
    from promptstage.requests.shapes import AnthropicRequest, OpenAIRequest
    from promptstage.source import Source


ONCE = "this call was made already; client.call() begins each one"


class Call(Recording):
    """One call, which `Client.call` makes. Open it with `with` or `async with`, once.

    The block is that of `use`: its log lines name the prompt. When it ends the call is over, or when the
    stream ends that was passed on by `stream`. Then it is one line in the log, and a record for the registry.

    Attributes:
        id: a UUIDv7, with which feedback may come later, from elsewhere.
        prompt: the version that was chosen, once the block is open.
    """

    __slots__ = ("_achoose", "_asked", "_block", "_choose", "_is_open", "_pin")

    def __init__(  # noqa: PLR0913 - by keyword, from Client.call alone
        self,
        source: Source,
        choose: Callable[..., Prompt],
        achoose: Callable[..., Awaitable[Prompt]],
        asked: tuple[Any, ...],
        *,
        pin: str | None,
        conversation: object,
        route: str | None,
        segment: str | None,
        contexts: Iterable[str],
        log_content: bool,
        redact: Redact | None,
    ) -> None:
        at = wall()
        record = Record(make_id(at), at)
        super().__init__(source, record, redact, log_content=log_content)
        self._choose = choose
        self._achoose = achoose
        self._asked = asked
        self._pin = pin
        self._is_open = False
        self._block: AbstractContextManager[None] | None = None
        if conversation is not None:
            record.conversation = str(conversation) or None
        if route is not None:
            record.route = short(route)
        if segment is not None:
            record.segment = short(segment)
        if contexts:
            self._name_contexts(contexts)

    def __enter__(self) -> Self:
        if self._is_open:
            raise RuntimeError(ONCE)
        self._is_open = True
        try:
            prompt = self._choose(*self._with_key(), pin=self._pin, unkeyed=self._record.id)
        except BaseException:
            clear(unless_exact=True)
            raise
        self._begin(prompt)
        return self

    async def __aenter__(self) -> Self:
        if self._is_open:
            raise RuntimeError(ONCE)
        self._is_open = True
        try:
            prompt = await self._achoose(*self._with_key(), pin=self._pin, unkeyed=self._record.id)
        except BaseException:
            clear(unless_exact=True)
            raise
        self._begin(prompt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def messages(
        self, mapping: Mapping[str, object] | None = None, /, **variables: object
    ) -> list[dict[str, Any]]:
        """Render the prompt's messages: see `Prompt.messages`."""
        messages = self.prompt.messages(mapping, **variables)
        if self._wants_content:
            self._put_in(mapping, variables, messages)
        return messages

    def openai(self, mapping: Mapping[str, object] | None = None, /, **variables: object) -> OpenAIRequest:
        """Render a request for OpenAI's SDK: see `Prompt.openai`."""
        request = self.prompt.openai(mapping, **variables)
        if self._wants_content:
            self._put_in(mapping, variables, request["messages"])
        return request

    def litellm(self, mapping: Mapping[str, object] | None = None, /, **variables: object) -> OpenAIRequest:
        """Render a request for LiteLLM: see `Prompt.litellm`."""
        request = self.prompt.litellm(mapping, **variables)
        if self._wants_content:
            self._put_in(mapping, variables, request["messages"])
        return request

    def anthropic(
        self, mapping: Mapping[str, object] | None = None, /, **variables: object
    ) -> AnthropicRequest:
        """Render a request for Anthropic's SDK: see `Prompt.anthropic`."""
        request = self.prompt.anthropic(mapping, **variables)
        if self._wants_content:
            self._put_in(mapping, variables, self.prompt.messages(mapping, **variables))
        return request

    def _with_key(self) -> tuple[Any, ...]:
        """What to choose by, with the key of the context where the call has none."""
        name, key, *others = self._asked
        self._record.key = given = as_key(key) or current_defaults().key
        return name, given, *others

    def _begin(self, prompt: Prompt) -> None:
        record, reporter = self._record, self._source.reporter
        self.prompt = record.prompt = prompt
        record.environment = self._source.environment
        key = record.key
        if trace := sys.modules.get("opentelemetry.trace"):
            self._note_span(trace)
        record.is_sampled = reporter.is_sampled(record.conversation or record.id)
        self._wants_content = record.is_sampled or self._log_content
        self._wants_texts = self._wants_content or prompt.document.response_format != "text"
        if key is None and prompt.reason == SPLIT:
            key = record.id  # by which it was chosen
        record.unit, record.is_measured = unit_of(prompt, key)
        if record.is_measured:
            reporter.started(record)
        self._block = stamped(prompt.stamp.of_call(record.id))
        self._block.__enter__()
        self._began = uptime()

    def _end(self, error: BaseException | None) -> None:
        try:
            self._leave(error)
        finally:
            block, self._block = self._block, None
            if block is not None:
                block.__exit__(None, None, None)

    def _name_contexts(self, contexts: Iterable[str]) -> None:
        named = [contexts] if isinstance(contexts, str) else contexts
        try:
            self._record.contexts = [text for value in islice(named, CALL_LIST) if (text := short(value))]
        except Exception:  # noqa: BLE001 - whatever the application gives
            self._source.count("odd_responses")

    def _note_span(self, trace: Any) -> None:
        """Note the span around it, if there is one, without importing what makes it."""
        try:
            span = trace.get_current_span().get_span_context()
            if span.is_valid:
                self._record.trace_id = f"{span.trace_id:032x}"
                self._record.span_id = f"{span.span_id:016x}"
        except Exception:  # noqa: BLE001 - of another package, which may be another one
            self._source.count("odd_responses")
