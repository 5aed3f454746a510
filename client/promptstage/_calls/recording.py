"""Take in what a call is told, and hand its record over when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, TypeVar, overload

from promptstage._calls import log_line
from promptstage._calls.answer import Answer
from promptstage._calls.content import Content, is_json, redacted
from promptstage._calls.record import take
from promptstage._calls.responses import read
from promptstage._calls.signals import feedback
from promptstage._calls.streamed import StreamedAnswer
from promptstage._calls.streams import Stream
from promptstage._calls.text import short
from promptstage.clock import uptime
from promptstage.limits import CALL_LIST

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
    from typing import Self, Unpack

    from promptstage._calls.content import Redact
    from promptstage._calls.record import Record
    from promptstage.prompt import Prompt
    from promptstage.source import Source

T = TypeVar("T")
_NOTHING: Any = object()
_TOKENS = {"input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"}
_WORDS = {"model", "provider", "finish_reason"}


class Said(TypedDict, total=False):
    """What an application says of an answer; `text` is what the model said. Cached tokens are input, too."""

    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    model: str | None
    provider: str | None
    finish_reason: str | None
    text: str | None


class Recording:
    """What becomes of a call, from its begin to its end."""

    prompt: Prompt
    _source: Source
    _record: Record
    _redact: Redact | None
    _log_content: bool
    _began = 0.0
    _ended_at: float | None = None  # where a stream ended it before its block
    _streams = 0
    _answer: Answer | None = None
    _is_left = _is_over = _has_failed = _wants_content = _wants_texts = False

    @property
    def id(self) -> str:
        """The call's id."""
        return self._record.id

    @overload
    def record(self, response: T, /, **said: Unpack[Said]) -> T: ...
    @overload
    def record(self, /, **said: Unpack[Said]) -> None: ...
    def record(self, response: Any = _NOTHING, /, **said: Any) -> Any:
        """Take in what the model answered; more answers add up.

        Args:
            response: what an SDK returned: that of OpenAI (chat or Responses), Anthropic, LiteLLM, and others
                of these shapes, as objects or as dicts.
            **said: the same in words, for a response of another shape, or to correct it.

        Returns:
            The response, as it is.
        """
        answer = Answer() if response is _NOTHING else read(response, texts=self._wants_texts)
        if said:
            _correct(answer, said)
        self._add(answer)
        self._ended_at = None
        return None if response is _NOTHING else response

    @overload
    def stream(self, chunks: Iterable[T]) -> Stream[T]: ...
    @overload
    def stream(self, chunks: AsyncIterable[T]) -> Stream[T]: ...
    @overload
    def stream(self, chunks: Awaitable[AsyncIterable[T]]) -> Stream[T]: ...
    def stream(self, chunks: Any) -> Any:
        """Pass a streamed response on, part by part. The call ends with it, also where its block ends before.

        Args:
            chunks: what an SDK returned for ``stream=True``, or the coroutine that returns it.

        Returns:
            What to iterate over in its place, with ``for`` or ``async for``. It is over with the last part,
            with `close` (`aclose`), or when it is let go.
        """
        stream = Stream(chunks, StreamedAnswer(texts=self._wants_texts), self._stream_ended)
        self._streams += 1
        return stream

    def flag(self, name: str) -> None:
        """Name a bad event that this call was: ``call.flag("hallucinated_order")``."""
        fields = self._record.fields
        flags = fields["flags"] = fields["flags"] or []
        if (flag := short(name)) and flag not in flags and len(flags) < CALL_LIST:
            flags.append(flag)

    def tool(self, name: str, *, error: object = None) -> None:
        """Note that a tool was called, and the error that it ended with, if it did: its class, or a name."""
        fields = self._record.fields
        calls = fields["tool_calls"] = fields["tool_calls"] or []
        said = type(error).__name__ if isinstance(error, BaseException) else error
        if len(calls) < CALL_LIST and not self._is_over:
            calls.append({"name": short(name) or "unknown", "error": short(said)})

    def feedback(self, given: str | float, *, comment: str | None = None) -> None:
        """Say what a person signalled about it: see `Client.feedback`, which does so later and elsewhere."""
        self._source.reporter.signal("feedback", feedback(self.id, given, comment))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        # As its client: frameworks copy the state that they hold, and the call that goes on is this one.
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Call is not pickled, as it ends where it began; its id is enough for feedback")

    def _put_in(
        self, mapping: Mapping[str, object] | None, variables: dict[str, object], messages: object
    ) -> None:
        content = self._record.content = self._record.content or Content()
        try:
            fits = content.put_in(self.prompt, {**mapping, **variables} if mapping else variables, messages)
        except Exception:  # noqa: BLE001 - whatever the application's values are
            fits = False
        if not fits:
            self._source.count("contents_left_out")

    def _add(self, answer: Answer) -> None:
        if answer.odd or self._is_over:
            self._source.count("odd_responses")
        if self._is_over:
            return
        if self._answer is None:
            self._answer = answer
        else:
            self._answer.add(answer)
        if self._has_failed:  # in an attempt before this one
            self._has_failed = False
            self._record.fields.update(error=None, finish_reason=None)

    def _stream_ended(
        self, streamed: StreamedAnswer, first_at: float | None, error: BaseException | None
    ) -> None:
        self._streams -= 1
        if self._is_over:
            return
        self._ended_at = now = uptime()
        self._add(streamed.answer)
        if self._record.fields["ttft_ms"] is None and first_at is not None:
            self._record.fields["ttft_ms"] = self._since_begin(first_at)
        if error is not None:
            self._fail(error)
        if self._is_left and not self._streams:
            self._finish(now)

    def _leave(self, error: BaseException | None) -> None:
        """The block ends, and the call with it, unless a stream goes on that was passed out of it."""
        self._is_left = True
        if error is not None:
            self._fail(error)
            self._finish(self._ended_at or uptime())
        elif not self._streams:
            self._finish(self._ended_at or uptime())

    def _fail(self, error: BaseException) -> None:
        """Note why it ended. Who is cancelled, interrupted or not read any more has not failed."""
        self._has_failed = True
        if isinstance(error, Exception):
            self._record.fields["error"] = short(type(error).__name__)
        else:
            self._record.fields["finish_reason"] = log_line.CANCELLED

    def _finish(self, at: float) -> None:
        if self._is_over:
            return
        self._is_over = True
        record, answer = self._record, self._answer
        record.fields["duration_ms"] = self._since_begin(at)
        try:
            if answer is not None:
                take(record.fields, answer)
                if answer.texts is not None:
                    self._take_texts(record, answer)
            log_line.write(record, self._content_to_log() if self._log_content else None)
        except Exception:  # noqa: BLE001 - an application's own filter, handler or record factory
            self._source.count("unlogged_calls")
        self._source.reporter.ended(record)

    def _take_texts(self, record: Record, answer: Answer) -> None:
        """Look at what the model said."""
        asks_for_json = self.prompt.document.response_format != "text"
        if asks_for_json and (answer.texts or not answer.tools) and not record.fields["error"]:
            record.fields["format_error"] = not is_json("".join(answer.texts or ()))
        if self._wants_content:
            record.content = record.content or Content()
            if not record.content.came_out(answer):
                self._source.count("contents_left_out")

    def _since_begin(self, at: float) -> float:
        """Milliseconds from the begin to a moment."""
        return (at - self._began) * 1e6 // 1 / 1000  # in a third of the time of `round`

    def _content_to_log(self) -> dict[str, Any] | None:
        content = self._record.content
        return redacted(content.to_json(), self._redact) if content else None


def _correct(answer: Answer, said: Mapping[str, Any]) -> None:
    """Put what an application says of an answer in the place of what was read."""
    for name, value in said.items():
        if name in _TOKENS:
            setattr(answer, name, answer.tokens(value))
        elif name in _WORDS:
            setattr(answer, name, answer.word(value))
        elif name == "cost_usd":
            answer.cost_usd = answer.dollars(value)
        elif name == "text" and isinstance(value, str):
            answer.texts = [value]
        else:
            answer.odd += 1
