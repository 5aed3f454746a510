"""Begin a piece of work in a worker, and hand work over to one."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from contextvars import copy_context
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from promptstage import keys
from promptstage.stamp import blocks, current, shared
from promptstage.turns import Turns, async_generator, generator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    Begin = Callable[[], AbstractContextManager[None]]
    Attributes = Mapping[str, object] | None
    Key = str | int | None

_LAZY = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
Function = TypeVar("Function", bound="Callable[..., Any]")
P = ParamSpec("P")
T = TypeVar("T")


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(*, key: Key = None, attributes: Attributes = None) -> Task: ...
def task(function: Any = None, /, *, key: Key = None, attributes: Attributes = None) -> Any:
    """Begin a piece of work, such as a job from a queue: without a stamp, whatever ran here before.

    As a block, ``with task(key=job.user):``, or as a decorator, ``@task``, of functions, coroutines and
    generators, each call of which is a piece of work. Its child tasks share its stamp. When it ends, what
    was there before is back.

    Args:
        function: what to decorate.
        key: what stays on one arm, such as a user id; else that of the block around it, if there is one.
        attributes: what a rollout's audience is compared with, added to those of the block around it.
    """
    work = Task(key, attributes)
    return work if function is None else work(function)


class Task:
    """A block and a decorator, which `task` returns."""

    def __init__(self, key: Key, attributes: Attributes) -> None:
        keys.added(key, attributes)  # what is wrong with them is raised where they are written
        self._given = key, attributes
        self._block: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        if self._block:
            raise RuntimeError("this block is open already; call task() for each piece of work")
        self._block = self._begin()
        self._block.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._block:
            block, self._block = self._block, None
            block.__exit__(kind, error, trace)

    def __call__(self, function: Function) -> Function:
        """Make each call of a function a piece of work."""
        if not callable(function):
            raise TypeError(f"task decorates functions, not {function!r}; a key is given as task(key=...)")
        if _is(inspect.isgeneratorfunction, function):
            call = generator(function, self._turns)
        elif _is(inspect.isasyncgenfunction, function):
            call = async_generator(function, self._turns)
        elif _is(inspect.iscoroutinefunction, function):
            call = _coroutine(function, self._begin)
        else:
            call = _plain(function, self._begin)
        return cast("Function", wraps(function)(call))

    @contextmanager
    def _begin(self) -> Iterator[None]:
        with shared(), keys.given(*self._given):
            yield

    def _turns(self) -> Turns:
        return Turns(keys.added(*self._given))


def _plain(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with begin():
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with begin():
            return await function(*args, **kwargs)

    return call


def _is(kind: Callable[[object], bool], function: Callable[..., object]) -> bool:
    return kind(function) or kind(getattr(function, "__call__", None))  # noqa: B004 - an instance has one, too


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
    if any(_is(kind, function) for kind in _LAZY):
        raise TypeError("carry takes plain functions; a coroutine's task inherits the stamp by itself")
    context = copy_context()
    # The stamp, not a cell that the request empties at its end, nor any block that ends here.
    context.run(blocks.exchange, (current(), ()))

    @wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return carried
