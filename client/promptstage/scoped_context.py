"""Context variables that hold a value for one block of code."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class Block(Generic[T]):
    """One block: what it holds, what its end brings back, and whether that has been, in whichever context.

    A context manager of its own: one made of a generator takes twice as long as all that a block does.
    """

    __slots__ = ("before", "blocks", "is_over", "value")

    def __init__(self, blocks: Blocks[T], value: T) -> None:
        self.blocks = blocks
        self.before = self.value = value
        self.is_over = False

    def __enter__(self) -> None:
        self.blocks.begin(self)

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        self.blocks.end(self)


class Apart(Block[T]):
    """A block that has nothing to do with those around it.

    A server may start a request in the context of an earlier one. If they nested, a connection would
    remember every request that it ever had; so this one forgets what was before it when it ends.
    """

    __slots__ = ("outside",)
    outside: State[T] | None

    def __enter__(self) -> None:
        self.outside = self.blocks.exchange((self.value, (self,)))

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        outside, self.outside = self.outside, None
        if outside and self.blocks.has(self):
            self.blocks.exchange(outside)


State = tuple[T, tuple[Block[T], ...]]  # a value, and the blocks that hold it


class Blocks(Generic[T]):
    """Sets a context variable for blocks, and brings back what was there before.

    Not with `ContextVar.reset`: blocks in generators end in any order, and a framework may end a
    generator in another context than it began in. A block that ends before one inside it hands over
    what it would have brought back; one that ends where it did not begin changes nothing.
    """

    def __init__(self, variable: ContextVar[T]) -> None:
        self._variable = variable
        self._open: ContextVar[tuple[Block[T], ...]] = ContextVar(f"{variable.name}_open", default=())

    def holding(self, value: T) -> Block[T]:
        """Hold a value for one block."""
        return Block(self, value)

    def begin(self, block: Block[T]) -> None:
        """Hold the value of a block from here on."""
        block.before = self._variable.get()
        around = self._open.get()
        if around:  # without those that ended elsewhere: nothing else would take them out of this context
            around = tuple([other for other in around if not other.is_over])
        self._open.set((*around, block))
        self._variable.set(block.value)

    def end(self, block: Block[T]) -> None:
        """Bring back what was there before a block, or hand it over to the one inside it."""
        blocks = self._open.get()
        if blocks and block is blocks[-1]:  # nearly always
            self._variable.set(block.before)
            self._open.set(blocks[:-1])
        elif block in blocks:
            at = blocks.index(block)
            blocks[at + 1].before = block.before
            self._open.set(blocks[:at] + blocks[at + 1 :])

    def apart(self, value: T) -> Apart[T]:
        """Hold a value for one block that has nothing to do with those around it."""
        return Apart(self, value)

    def is_outermost(self) -> bool:
        """Whether no block is open here."""
        return not self._open.get()

    def around(self) -> list[T]:
        """The values of this block and of the blocks around it, innermost first."""
        return [self._variable.get(), *[block.before for block in reversed(self._open.get())]]

    def has(self, block: Block[T]) -> bool:
        """Whether a block is open here."""
        return block in self._open.get()

    def is_untouched(self) -> bool:
        """Whether the innermost block holds what it began with."""
        blocks = self._open.get()
        return bool(blocks) and blocks[-1].value is self._variable.get()

    def exchange(self, state: State[T]) -> State[T]:
        """Leave the blocks of here for those of a state, and return these as one."""
        before = self._variable.get(), self._open.get()
        self._variable.set(state[0])
        self._open.set(state[1])
        return before
