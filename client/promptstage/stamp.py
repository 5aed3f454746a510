"""Which prompt the code that runs now works with: one context variable.

Tasks and copied contexts see what their parent had when they began, and keep what they set to
themselves, as context variables do. Where that is too private (a web request, whose handler and
sub-tasks belong together) the variable holds a `Cell`, which all of them share.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from promptstage.blocks import Blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

FIELDS = frozenset(
    {"promptstage", "prompt_name", "prompt_version", "prompt_arm", "prompt_rollout"}
)  # of records
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stamp:
    """The prompt behind a log line. As text ``summarize@1.3.0``, or ``-`` when there is none."""

    name: str = ""
    version: str = ""
    arm: str = ""
    rollout: str | None = None
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for part in ("name", "version", "arm"):
            object.__setattr__(self, part, _one_line(getattr(self, part)))
        object.__setattr__(self, "_text", f"{self.name}@{self.version}" if self.name else "-")

    def __str__(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self.name)

    def mark(self, record: Any) -> None:
        """Put it on a log record, as plain text: the parts that there are, and always ``promptstage``."""
        record.promptstage = self._text  # one by one: a dictionary of them costs five times as much
        if self.name:
            record.prompt_name = self.name
            record.prompt_version = self.version
            record.prompt_arm = self.arm
            if self.rollout:
                record.prompt_rollout = self.rollout


def _one_line(text: str) -> str:
    """Exactly a `str`, not an enum, for whatever pickles or ships it; and no line break forges a log line."""
    plain = str.__str__(text)
    return plain if plain.isprintable() else plain.encode("unicode_escape").decode()


class Cell:
    """A stamp that all who inherited the context share; whoever marks last is seen by all."""

    __slots__ = ("stamp",)

    def __init__(self) -> None:
        self.stamp = EMPTY


EMPTY = Stamp()
_LAZY = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
holder: ContextVar[Stamp | Cell] = ContextVar("promptstage_stamp", default=EMPTY)
_blocks = Blocks(holder)


def current() -> Stamp:
    """The stamp of the code that runs now."""
    held = holder.get()
    return held.stamp if isinstance(held, Cell) else held


def mark(stamp: Stamp) -> None:
    """Make this the stamp from here on."""
    held = holder.get()
    if isinstance(held, Cell):
        held.stamp = stamp
    else:
        holder.set(stamp)


def stamped(stamp: Stamp) -> AbstractContextManager[None]:
    """Make this the stamp of one block, exactly: what was there before is back when it ends.

    The block has a stamp of its own even within a shared `Cell`, so blocks side by side do not mix.
    """
    return _blocks.holding(stamp)


@contextmanager
def shared() -> Iterator[None]:
    """Begin without a stamp, and share the `Cell` with all who inherit it, until this block ends.

    Then it is emptied: what goes on after a request, such as a connection pool that began in it, does
    not speak in its name for ever.
    """
    cell = Cell()
    with _blocks.apart(cell):
        try:
            yield
        finally:
            cell.stamp = EMPTY


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function run elsewhere with the stamp, key and attributes of here.

    ``pool.submit(carry(work), text)`` and ``Thread(target=carry(work))``: neither hands on context
    variables by itself. Call it where the work is handed over; it is no decorator. The result may be
    called many times, also at once. Each call starts from the stamp of here and keeps what it `get`s
    to itself: a thread may outlive the request that started it, whose end takes nothing from it.

    Returns:
        The function, which each time runs in its own copy of the context in which `carry` was called.

    Raises:
        TypeError: it is a coroutine or generator function, whose body would run in another context.
    """
    if any(lazy(function) for lazy in _LAZY):
        raise TypeError("carry takes plain functions; a coroutine's task inherits the stamp by itself")
    context = copy_context()
    context.run(holder.set, current())  # the stamp, not a cell that the request empties at its end

    @wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return carried
