"""Pieces of work, such as jobs: each begins without a stamp, and leaves none behind."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from promptstage import context, task
from promptstage.keys import Defaults, current_defaults
from promptstage.stamp import EMPTY, current, stamped
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

client = Client.of({"summarize": "Summarize", "triage": "Triage"})


@pytest.fixture(autouse=True)
def _after_another() -> Iterator[None]:
    """Something has had a prompt here before."""
    with stamped(EMPTY):
        client.get("triage")
        yield
        assert str(current()) == "triage@1.0.0"


def work() -> list[str]:
    """What it says before and after it gets a prompt."""
    before = str(current())
    client.get("summarize")
    return [before, str(current())]


async def coroutine() -> list[str]:
    """The same, with a child task that gets the prompt."""
    before = str(current())
    await asyncio.create_task(client.aget("summarize"))
    return [before, str(current())]


def generator() -> Generator[str]:
    """The same, one after the other."""
    yield str(current())
    client.get("summarize")
    yield str(current())


async def agenerator() -> AsyncIterator[str]:
    """The same as a coroutine."""
    yield str(current())
    await client.aget("summarize")
    yield str(current())


class Job:
    """An instance that is called."""

    def __call__(self) -> list[str]:
        """Work."""
        return work()


class AsyncJob:
    """One whose call is a coroutine."""

    async def __call__(self) -> list[str]:
        """Work."""
        return await coroutine()


async def collected(function: Callable[[], AsyncIterator[str]]) -> list[str]:
    """All that an asynchronous generator yields."""
    return [item async for item in function()]


@pytest.mark.parametrize(
    "run",
    [
        task(work),
        task()(work),
        task(Job()),
        task(partial(work)),
        lambda: asyncio.run(task(coroutine)()),
        lambda: asyncio.run(task(AsyncJob())()),
        lambda: list(task(generator)()),
        lambda: asyncio.run(collected(task(agenerator))),
    ],
)
def test_each_call_of_a_decorated_function_begins_without_a_stamp(run: Callable[[], list[str]]) -> None:
    """Whatever kind of function it is, and as often as it is called."""
    assert run() == ["-", "summarize@1.0.0"]
    assert str(current()) == "triage@1.0.0"
    assert run() == ["-", "summarize@1.0.0"]


def test_a_block_begins_without_a_stamp_too() -> None:
    """In a loop over jobs, also where one of them fails; and one may be inside another."""
    for _ in range(2):
        with task():
            assert work() == ["-", "summarize@1.0.0"]
            with pytest.raises(KeyError), task():
                raise KeyError(work())
            assert str(current()) == "summarize@1.0.0"
        assert str(current()) == "triage@1.0.0"


def test_work_has_a_key_and_attributes() -> None:
    """What is not given is that of the block around it."""
    with context(key="outer", attributes={"plan": "free"}):
        with task(key=7, attributes={"tenant": "acme"}):
            assert current_defaults() == Defaults("7", {"plan": "free", "tenant": "acme"})
        assert list(task(key="inner")(keys)()) == ["inner", "inner"]
        assert task()(current_defaults)().key == "outer"
    assert current_defaults() == Defaults()


def keys() -> Generator[str | None]:
    """The key that a generator has, each time that it goes on."""
    yield current_defaults().key
    yield current_defaults().key


def test_a_generator_keeps_its_stamp_to_itself() -> None:
    """Who consumes it has one of its own in between, and it may go on in another context, as in threads."""

    @task
    def answers() -> Generator[str]:
        client.get("summarize")
        yield str(current())
        with client.use("other", fallback="mine"):
            yield str(current())
            yield str(current())
        yield str(current())

    steps, seen = answers(), []
    for _ in range(4):
        seen.append(copy_context().run(next, steps))
        assert str(current()) == "triage@1.0.0"
    assert seen == ["summarize@1.0.0", "other@fallback", "other@fallback", "summarize@1.0.0"]


def test_a_generator_does_all_that_generators_do() -> None:
    """It is sent values, has errors thrown in, is closed, and returns something."""
    seen: list[object] = []

    @task
    def echo() -> Generator[object, object, str]:
        try:
            while True:
                try:
                    seen.append((yield len(seen)))
                except KeyError:
                    seen.append("KeyError")
                if seen[-1] == "end":
                    return "over"
        finally:
            seen.append(str(current()))

    steps = echo()
    assert [next(steps), steps.send("one"), steps.throw(KeyError())] == [0, 1, 2]
    steps.close()
    assert seen == ["one", "KeyError", "-"]
    with pytest.raises(StopIteration, match="over"):
        (again := echo()).send(None), again.send("end")


def test_an_asynchronous_generator_does_too() -> None:
    """The same, in coroutines."""
    seen: list[object] = []

    @task
    async def echo() -> Any:
        try:
            while True:
                try:
                    seen.append((yield len(seen)))
                except KeyError:
                    seen.append("KeyError")
        finally:
            await asyncio.sleep(0)
            seen.append(str(current()))

    async def main() -> None:
        steps = echo()
        assert [await anext(steps), await steps.asend("one"), await steps.athrow(KeyError())] == [0, 1, 2]
        await steps.aclose()

    asyncio.run(main())
    assert seen == ["one", "KeyError", "-"]


def test_jobs_of_a_pool_do_not_mix() -> None:
    """Threads are used again, and know nothing of the job before."""
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(task(work)) for _ in range(20)]
        assert {tuple(job.result()) for job in jobs} == {("-", "summarize@1.0.0")}


def test_what_outlives_the_work_does_not_speak_for_it() -> None:
    """Such as a task that it left behind."""

    async def main() -> str:
        over = asyncio.Event()

        async def behind() -> str:
            await over.wait()
            return str(current())

        with task():
            client.get("summarize")
            left = asyncio.create_task(behind())
            await asyncio.sleep(0)
        over.set()
        return await left

    assert asyncio.run(main()) == "-"


def test_coroutines_stay_coroutines() -> None:
    """Frameworks look at what kind of function they were given."""
    assert asyncio.iscoroutinefunction(task(coroutine))
    assert (task(work).__name__, task(work).__doc__) == (work.__name__, work.__doc__)


def test_what_is_wrong_with_a_task_is_said_where_it_is_written() -> None:
    """Not at its first call."""
    wrong: Any = task
    with pytest.raises(TypeError, match="a key is given as"):
        wrong("user-42")
    with pytest.raises(TypeError, match="a key is a str or an int"):
        wrong(key=1.5)
    with pytest.raises(TypeError, match="attributes are a mapping"):
        wrong(attributes="acme")


def test_a_block_is_one_piece_of_work() -> None:
    """Two at once would end each other."""
    block = task()
    with block, pytest.raises(RuntimeError, match="for each piece of work"):
        block.__enter__()
    with block:
        assert str(current()) == "-"
