"""Which prompt the code that runs now works with: one context variable.

Tasks and copied contexts see what their parent had when they began, and keep what they set to
themselves, as context variables do. Where that is too private (a web request, whose handler and
sub-tasks belong together) the variable holds a `Cell`, which all of them share.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Stamp:
    """The prompt behind a log line. As text ``summarize@1.3.0``, or ``-`` when there is none."""

    name: str = ""
    version: str = ""
    arm: str = ""
    rollout: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.name else "-"

    def __bool__(self) -> bool:
        return bool(self.name)


class Cell:
    """A stamp that all who inherited the context share; whoever marks last is seen by all."""

    __slots__ = ("stamp",)

    def __init__(self) -> None:
        self.stamp = EMPTY


EMPTY = Stamp()
holder: ContextVar[Stamp | Cell] = ContextVar("promptstage_stamp", default=EMPTY)


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


@contextmanager
def stamped(stamp: Stamp) -> Iterator[None]:
    """Make this the stamp of one block, exactly: what was there before is back when it ends.

    The block has a stamp of its own even within a shared `Cell`, so blocks side by side do not mix.
    """
    outer = holder.get()
    holder.set(stamp)
    try:
        yield
    finally:
        # Not reset(token): a framework may end a generator in another context than it began in.
        holder.set(outer)
