"""Pass the parts of a streamed response on, and read them on the way."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from promptstage.clock import uptime

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from promptstage._calls.streamed import StreamedAnswer

T = TypeVar("T")


class Ended(Protocol):
    """Takes what a stream said."""

    def __call__(self, streamed: StreamedAnswer, first_at: float | None, error: BaseException | None) -> None:
        """The stream is over; `first_at` is when the answer began, `error` why it broke off."""


class Stream(Generic[T]):
    """The parts of a response, as they came, for ``for`` or ``async for``, as the SDK's stream is for.

    It is over with the last part, when it is closed, or when it is let go.
    """

    __slots__ = ("_answer", "_chunks", "_ended", "_first_at", "_iterator")

    def __init__(
        self,
        chunks: Iterable[T] | AsyncIterable[T] | Awaitable[AsyncIterable[T]],
        answer: StreamedAnswer,
        ended: Ended,
    ) -> None:
        self._chunks: Any = chunks
        self._iterator: Any = None
        self._answer = answer
        self._ended: Ended | None = ended
        self._first_at: float | None = None

    def __iter__(self) -> Iterator[T]:
        self._iterator = iter(self._chunks)
        return self

    def __next__(self) -> T:
        try:
            part: T = next(self._iterator or iter(self))
        except StopIteration:
            self._end()
            raise
        except BaseException as error:
            self._end(error)
            raise
        self._take(part)
        return part

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            if self._iterator is None:
                if not hasattr(self._chunks, "__aiter__"):  # the coroutine that returns the stream
                    self._chunks = await self._chunks
                self._iterator = aiter(self._chunks)
            part: T = await self._iterator.__anext__()
        except StopAsyncIteration:
            self._end()
            raise
        except BaseException as error:
            self._end(error)
            raise
        self._take(part)
        return part

    def close(self) -> None:
        """End it before its last part, and close what it passes on."""
        self._end(GeneratorExit())
        if callable(close := getattr(self._chunks, "close", None)):
            close()

    async def aclose(self) -> None:
        """The same of a stream for ``async for``."""
        self._end(GeneratorExit())
        close = getattr(self._chunks, "aclose", None) or getattr(self._chunks, "close", None)
        if callable(close):
            closing = close()
            if hasattr(closing, "__await__"):
                await closing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._end(error)
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._end(error)
        await self.aclose()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be about to end
            self._end(GeneratorExit())

    def _take(self, part: object) -> None:
        answer = self._answer
        answer.feed(part)
        if self._first_at is None and answer.has_begun:
            self._first_at = uptime()

    def _end(self, error: BaseException | None = None) -> None:
        """Tell of the end, once."""
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self._answer, self._first_at, error)
