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
from promptstage._calls.record import Record, begin, rfc3339
from promptstage._calls.recording import Recording
from promptstage._calls.text import short
from promptstage.clock import uptime, wall
from promptstage.evaluation import SPLIT
from promptstage.keys import as_key, current_defaults
from promptstage.limits import CALL_LIST
from promptstage.stamp import clear, in_call, stamped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from promptstage._calls.content import Redact
    from promptstage.prompt import Prompt
    from promptstage.requests.shapes import AnthropicRequest, OpenAIRequest
    from promptstage.source import Source


class Call(Recording):
    """One call, which `Client.call` makes. Open it with `with` or `async with`, once.

    The block is that of `use`: its log lines name the prompt. When it ends the call is over, or when the
    stream ends that was passed on by `stream`. Then it is one line in the log, and a record for the registry.

    Attributes:
        id: a UUIDv7, with which feedback may come later, from elsewhere.
        prompt: the version that was chosen, once the block is open.
    """

    _is_open = False
    _block: AbstractContextManager[None] | None = None

    def __init__(  # noqa: PLR0913 - by keyword, from Client.call alone
        self,
        source: Source,
        choose: Callable[..., Prompt],
        achoose: Callable[..., Awaitable[Prompt]],
        name: str,
        *,
        key: str | int | None,
        options: tuple[Any, ...],
        pin: str | None,
        conversation: object,
        route: str | None,
        segment: str | None,
        contexts: Iterable[str],
        log_content: bool,
        redact: Redact | None,
    ) -> None:
        self._at = at = wall()
        self._record = record = Record(make_id(at))
        self._source = source
        self._redact = redact
        self._log_content = log_content
        self._choose = choose
        self._achoose = achoose
        self._name = name
        self._key = key
        self._options = options
        self._pin = pin
        if conversation is not None:
            record.conversation = str(conversation) or None
        self._route = route
        self._segment = segment
        self._contexts = contexts

    def __enter__(self) -> Self:
        key = self._open()
        try:
            prompt = self._choose(self._name, key, *self._options, pin=self._pin, unkeyed=self._record.id)
        except BaseException:
            clear(unless_exact=True)
            raise
        self._begin(prompt)
        return self

    async def __aenter__(self) -> Self:
        key = self._open()
        try:
            prompt = await self._achoose(
                self._name, key, *self._options, pin=self._pin, unkeyed=self._record.id
            )
        except BaseException:
            clear(unless_exact=True)
            raise
        self._begin(prompt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave(error)
        finally:
            self._unstamp()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave(error)
        finally:
            self._unstamp()

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

    def _open(self) -> str | None:
        """Open it once; returns the key, that of the context where the call has none."""
        if self._is_open:
            raise RuntimeError("this call was made already; client.call() begins each one")
        self._is_open = True
        key = self._key
        if type(key) is not str or not key:
            key = as_key(key) or current_defaults().key
        self._record.key = key
        return key

    def _begin(self, prompt: Prompt) -> None:
        record, source = self._record, self._source
        self.prompt = prompt
        record.stamp = prompt.stamp
        record.fields = fields = begin(prompt)
        fields["id"] = record.id
        fields["at"] = rfc3339(self._at)
        fields["environment"] = source.environment
        if self._route is not None:
            fields["route"] = short(self._route)
        if self._segment is not None:
            fields["segment"] = short(self._segment)
        if self._contexts:
            fields["contexts"] = self._texts(self._contexts)
        if trace := sys.modules.get("opentelemetry.trace"):
            self._note_span(trace)
        if source.reporter.is_sampled(record.conversation or record.id):
            fields["sampled"] = self._wants_content = True
        if self._log_content:
            self._wants_content = True
        self._wants_texts = self._wants_content or prompt.document.response_format != "text"
        if prompt.origin is not None and prompt.origin.split is not None:
            self._count_in(prompt)
        self._block = stamped(prompt.stamp)
        self._block.__enter__()
        self._outer = in_call.get()
        self._own = (prompt.stamp, record.id)
        in_call.set(self._own)
        self._began = uptime()

    def _count_in(self, prompt: Prompt) -> None:
        """Find the unit that it is counted as in the rollout under way."""
        record = self._record
        key = record.key
        if key is None and prompt.reason == SPLIT:
            key = record.id  # by which it was chosen
        record.unit, record.is_measured = unit_of(prompt, key)
        if record.is_measured:
            self._source.reporter.started(record)

    def _unstamp(self) -> None:
        """End the block of the stamp."""
        block, self._block = self._block, None
        if block is not None:
            block.__exit__(None, None, None)
            if in_call.get() is self._own:
                in_call.set(self._outer)

    def _texts(self, given: Iterable[str]) -> list[str] | None:
        given = [given] if isinstance(given, str) else given
        try:
            return [text for value in islice(given, CALL_LIST) if (text := short(value))]
        except Exception:  # noqa: BLE001 - whatever the application gives
            self._source.count("odd_responses")
            return None

    def _note_span(self, trace: Any) -> None:
        """Note the span around it, if there is one, without importing what makes it."""
        try:
            span = trace.get_current_span().get_span_context()
            if span.is_valid:
                self._record.fields["trace_id"] = f"{span.trace_id:032x}"
                self._record.fields["span_id"] = f"{span.span_id:016x}"
        except Exception:  # noqa: BLE001 - of another package, which may be another one
            self._source.count("odd_responses")
