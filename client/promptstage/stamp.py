"""The stamp: the prompt that the running code last got, in one context variable.

Tasks and copied contexts see what their parent had when they began, and keep what they set to
themselves, as context variables do. Where that is too private (a web request, whose handler and
sub-tasks belong together) the variable holds a `Cell`, which all of them share.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from promptstage.scoped_context import Apart, Block, Blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

# What a log record may have of a stamp.
FIELDS = ("promptstage", "prompt_name", "prompt_version", "prompt_arm", "prompt_rollout")


class StampText(str):
    """The stamp of a log record: ``summarize@1.3.0``, or ``-``, with its parts as attributes.

    It is text to whatever formats or ships it. Pickled or copied it is a plain `str`, so that a process
    without this package can read the record.
    """

    __slots__ = ("arm", "name", "rollout", "version")
    name: str
    version: str
    arm: str
    rollout: str | None

    def __reduce_ex__(self, _: object) -> tuple[type[str], tuple[str]]:
        return str, (str.__str__(self),)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The prompt behind a log line. As text ``summarize@1.3.0``, or ``-`` when there is none."""

    name: str = ""
    version: str = ""
    arm: str = ""
    rollout: str | None = None
    _text: StampText = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for part in StampText.__slots__:
            if value := getattr(self, part):
                object.__setattr__(self, part, _one_line(value))
        text = StampText(f"{self.name}@{self.version}" if self.name else "-")
        for part in StampText.__slots__:
            setattr(text, part, getattr(self, part))
        object.__setattr__(self, "_text", text)

    def __str__(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self.name)

    def metadata(self) -> dict[str, str]:
        """Return it as flat text: see `Prompt.metadata`, which adds the digest."""
        return {
            "prompt": f"{self.name}@{self.version}",
            "prompt_name": self.name,
            "prompt_version": self.version,
            "prompt_arm": self.arm,
            "prompt_rollout": self.rollout or "",
        }

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


EMPTY = Stamp()


class Cell:
    """A stamp that all who inherited the context share; whoever marks last is seen by all.

    Attributes:
        stamp: what was marked last.
        delegates: cells that speak for this one until it is marked again; the last one does.
        thread: the thread that it began in.
    """

    __slots__ = ("delegates", "stamp", "thread")

    def __init__(self, stamp: Stamp = EMPTY) -> None:
        self.stamp = stamp
        self.delegates: list[Cell] = []
        self.thread = get_ident()

    def seen(self) -> Stamp:
        """What all see."""
        if self.delegates:  # which is rare, and asked for each line of a log
            for delegate in self.delegates[-1:]:
                return delegate.seen()
        return self.stamp

    def mark(self, stamp: Stamp) -> None:
        """Let all see this."""
        self.stamp = stamp
        if self.delegates:
            self.delegates.clear()

    def release(self, delegate: Cell) -> bool:
        """Let one of them speak no longer; whether it still did."""
        try:
            self.delegates.remove(delegate)
        except ValueError:
            return False
        return True


holder: ContextVar[Stamp | Cell] = ContextVar("promptstage_stamp", default=EMPTY)
blocks = Blocks(holder)
in_call: ContextVar[tuple[Stamp, str] | None] = ContextVar("promptstage_call", default=None)
"""The call whose block this is, by the stamp that it holds and its id."""


def current() -> Stamp:
    """The stamp of the code that runs now."""
    held = holder.get()
    return held.seen() if isinstance(held, Cell) else held


def current_call() -> str:
    """The id of the call whose prompt is at work now; empty where it is that of no call."""
    call = in_call.get()
    return call[1] if call is not None and call[0] is current() else ""


def mark(stamp: Stamp) -> None:
    """Make this the stamp from here on."""
    held = holder.get()
    if isinstance(held, Cell):
        held.mark(stamp)
    else:
        holder.set(stamp)


def clear(*, unless_exact: bool = False) -> None:
    """Leave no stamp: nothing was had, and the prompt of before is not what is at work now.

    Args:
        unless_exact: not in a `stamped` block, which names its own prompt to its end.
    """
    if not (unless_exact and _is_exact()):
        mark(EMPTY)


def stamped(stamp: Stamp) -> AbstractContextManager[None]:
    """Make this the stamp of one block, exactly: what was there before is back when it ends.

    The block has a stamp of its own even within a shared `Cell`, so blocks side by side do not mix. In
    another thread than the cell's it also speaks for the cell, wherever that is not marked: a web framework
    runs the two halves of a generator in threads, each in a context that nothing between them has.
    """
    cell = _nearest_cell()
    if cell is None or cell.thread == get_ident():
        return Block(blocks, stamp)
    return _speaking_for(cell, stamp)


@contextmanager
def _speaking_for(cell: Cell, stamp: Stamp) -> Iterator[None]:
    own = Cell(stamp)
    cell.delegates.append(own)
    try:
        with blocks.holding(stamp):
            yield
    finally:
        cell.release(own)


def unstamped() -> AbstractContextManager[None]:
    """Begin a block without a stamp; what was there before is back when it ends.

    In a `stamped` block it begins with that stamp. Within a shared `Cell` it is a part of the same request:
    it has a cell of its own, whose stamp the request shows meanwhile, and keeps where it has no other.
    """
    if _is_exact():
        return blocks.holding(holder.get())
    outer = _nearest_cell()
    return blocks.holding(EMPTY) if outer is None else _apart_in(outer)


@contextmanager
def _apart_in(outer: Cell) -> Iterator[None]:
    own = Cell()
    outer.delegates.append(own)
    try:
        with blocks.holding(own):
            yield
    finally:
        if outer.release(own):
            outer.stamp = outer.stamp or own.seen()
        own.delegates[:] = [outer]  # which speaks for tasks that began in the block, and go on


def shared() -> AbstractContextManager[None]:
    """Begin without a stamp, and share the `Cell` with all who inherit it, until this block ends.

    Then it is emptied: what goes on after a request, such as a connection pool that began in it, does
    not speak in its name for ever.
    """
    return _Shared(blocks, Cell())


class _Shared(Apart["Stamp | Cell"]):
    __slots__ = ()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if isinstance(self.value, Cell):
            self.value.mark(EMPTY)


def _nearest_cell() -> Cell | None:
    if blocks.is_outermost():
        held = holder.get()
        return held if isinstance(held, Cell) else None
    for held in blocks.around():
        if isinstance(held, Cell):
            return held
    return None


def _is_exact() -> bool:
    """Tell whether the innermost block is a `stamped` one, and still as it began."""
    return blocks.is_untouched() and not isinstance(holder.get(), Cell)
