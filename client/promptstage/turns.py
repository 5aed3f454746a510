"""Give a generator a stamp and a key of its own, in whatever context it is resumed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from promptstage import keys, stamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from promptstage.keys import Defaults
    from promptstage.scoped_context import State


class Turns:
    """The stamp and the defaults of a generator: there while it runs, and put aside while it is left.

    Whoever resumes it may do so in other contexts, and has a stamp and defaults of its own in between.
    """

    def __init__(self, defaults: Defaults) -> None:
        self._cell = stamp.Cell()
        self._stamp: State[stamp.Stamp | stamp.Cell] = (self._cell, ())
        self._defaults: State[Defaults] = (defaults, ())

    def __enter__(self) -> None:
        self._exchange()

    def __exit__(self, *_: object) -> None:
        self._exchange()

    def _exchange(self) -> None:
        self._stamp = stamp.blocks.exchange(self._stamp)
        self._defaults = keys.blocks.exchange(self._defaults)

    def end(self) -> None:
        """Speak for nothing that goes on."""
        self._cell.mark(stamp.EMPTY)


def generator(function: Callable[..., Any], turns: Callable[[], Turns]) -> Callable[..., Any]:
    """A generator function each of whose generators runs in turns."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        turn, steps = turns(), function(*args, **kwargs)
        step = partial(next, steps)
        try:
            while True:
                try:
                    with turn:
                        item = step()
                except StopIteration as end:
                    return end.value
                try:
                    step = partial(steps.send, (yield item))
                except GeneratorExit:
                    with turn:
                        steps.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is thrown on
                    step = partial(steps.throw, error)
        finally:
            turn.end()

    return call


def async_generator(function: Callable[..., Any], turns: Callable[[], Turns]) -> Callable[..., Any]:
    """The same for an asynchronous one."""

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        turn, steps = turns(), function(*args, **kwargs)
        step = steps.__anext__
        try:
            while True:
                try:
                    with turn:
                        item = await step()
                except StopAsyncIteration:
                    return
                try:
                    step = partial(steps.asend, (yield item))
                except GeneratorExit:
                    with turn:
                        await steps.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is thrown on
                    step = partial(steps.athrow, error)
        finally:
            turn.end()

    return call
