"""Which prompt the context is marked with: by `get`, by `use`, across tasks and threads."""

from __future__ import annotations

import asyncio
import gc
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from promptstage.blocks import Block
from promptstage.stamp import Cell, Stamp, current, holder, shared
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextvars import Context


@pytest.fixture
def client() -> Client:
    """Two prompts."""
    return Client.of({"summarize": "Summarize", "triage": {"versions": {"2.0.0": "Triage"}}})


@pytest.fixture(autouse=True)
def _unstamped() -> Iterator[None]:
    token = holder.set(Stamp())
    yield
    holder.reset(token)


def test_get_marks_the_context(client: Client) -> None:
    """The last one here counts."""
    assert str(current()) == "-"
    client.get("summarize")
    client.get("triage")

    assert current() == Stamp("triage", "2.0.0", "stable", None)
    assert str(current()) == "triage@2.0.0"


def test_get_without_a_stamp_marks_nothing(client: Client) -> None:
    """For warming up, or looking."""
    client.get("summarize", stamp=False)

    assert not current()


def test_use_is_exact_and_nests(client: Client) -> None:
    """Each block has its own stamp, and the one around it is back when it ends, whatever happened in it."""
    client.get("summarize")
    with client.use("triage") as prompt:
        assert str(current()) == "triage@2.0.0" == str(prompt.stamp)
        with client.use("summarize"):
            assert str(current()) == "summarize@1.0.0"
        assert str(current()) == "triage@2.0.0"
        client.get("summarize")
    assert str(current()) == "summarize@1.0.0"
    with pytest.raises(KeyError), client.use("triage"):
        raise KeyError

    assert str(current()) == "summarize@1.0.0"


def test_tasks_keep_to_themselves(client: Client) -> None:
    """Tasks side by side do not mix, inherit what was there, and tell the parent nothing."""

    async def work(name: str) -> tuple[str, str]:
        inherited = str(current())
        await client.aget(name)
        await asyncio.sleep(0)
        return inherited, str(current())

    async def main() -> None:
        await client.aget("summarize")
        both = tuple(await asyncio.gather(work("summarize"), work("triage")))
        assert both == (("summarize@1.0.0", "summarize@1.0.0"), ("summarize@1.0.0", "triage@2.0.0"))
        assert str(current()) == "summarize@1.0.0"

    asyncio.run(main())


def test_aget_marks_the_awaiting_task(client: Client) -> None:
    """Also when the prompt was fetched in another thread."""

    async def main() -> str:
        await client.aget("unknown", fallback="mine")
        return str(current())

    assert asyncio.run(main()) == "unknown@fallback"


def test_threads_see_what_their_context_holds(client: Client) -> None:
    """A copied context carries the stamp; a bare thread begins without."""
    client.get("summarize")
    seen: list[str] = []
    context = copy_context()
    threads = [
        Thread(target=lambda: seen.append(str(current()))),
        Thread(target=lambda: context.run(lambda: seen.append(str(current())))),
    ]
    for thread in threads:
        thread.start()
        thread.join()

    assert seen == ["-", "summarize@1.0.0"]


def test_a_cell_is_shared_by_all_who_inherit_it(client: Client) -> None:
    """What a child task gets, its parent's log lines say too; a `use` block stays its own."""

    async def work() -> None:
        client.get("triage")
        with client.use("summarize"):
            await asyncio.sleep(0)

    async def main() -> str:
        holder.set(Cell())
        await asyncio.gather(work(), asyncio.to_thread(client.get, "triage"))
        return str(current())

    assert asyncio.run(main()) == "triage@2.0.0"


def test_a_block_may_end_in_another_context(client: Client) -> None:
    """As the two halves of a generator do under some frameworks."""
    block = client.use("summarize")
    copy_context().run(block.__enter__)

    copy_context().run(block.__exit__, None, None, None)


def test_blocks_may_end_in_any_order(client: Client) -> None:
    """As those in two generators do: the one that is open counts, and none outlives its end."""

    def work(name: str) -> Generator[str]:
        with client.use(name):
            yield str(current())

    first, second = work("summarize"), work("triage")
    assert [next(first), next(second)] == ["summarize@1.0.0", "triage@2.0.0"]

    first.close()
    assert str(current()) == "triage@2.0.0"
    second.close()
    assert str(current()) == "-"


def test_a_block_that_ends_elsewhere_changes_nothing_there(client: Client) -> None:
    """It never began there."""
    block = client.use("summarize")
    copy_context().run(block.__enter__)
    client.get("triage")
    block.__exit__(None, None, None)

    assert str(current()) == "triage@2.0.0"


def test_a_task_keeps_a_block_that_its_parent_has_ended(client: Client) -> None:
    """And has it back when its own block ends."""

    async def work(ended: asyncio.Event) -> list[str]:
        await ended.wait()
        with client.use("triage"):
            inside = str(current())
        return [inside, str(current())]

    async def main() -> list[str]:
        ended = asyncio.Event()
        with client.use("summarize"):
            task = asyncio.create_task(work(ended))
            await asyncio.sleep(0)
        ended.set()
        return await task

    assert asyncio.run(main()) == ["triage@2.0.0", "summarize@1.0.0"]


def test_requests_that_begin_in_one_another_do_not_pile_up() -> None:
    """As those do that a client sends on one connection without waiting, for as long as it likes."""

    def request() -> Context:
        with shared():
            return copy_context()  # in which the server starts the next one

    context = copy_context()
    for _ in range(50):
        context = context.run(request)

    assert sum(isinstance(thing, Cell) for thing in gc.get_objects()) < 10


def test_generators_that_end_elsewhere_do_not_pile_up(client: Client) -> None:
    """Such as those that a worker left by `break`, and that asyncio then closes in a task of its own."""

    def answers() -> Generator[None]:
        with client.use("summarize"):
            yield

    for _ in range(5):
        answer = answers()
        next(answer)
        copy_context().run(answer.close)
    with client.use("triage"):
        gc.collect()
        blocks = [block for block in gc.get_objects() if isinstance(block, Block)]

    assert len(blocks) == 1
