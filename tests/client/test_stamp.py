"""Which prompt the context is marked with: by `get`, by `use`, across tasks and threads."""

from __future__ import annotations

import asyncio
import gc
from contextvars import copy_context
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest
from support import collect_garbage

from promptstage import PromptUnavailable, context
from promptstage.scoped_context import Block
from promptstage.stamp import Cell, Stamp, current, holder, shared
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
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


def test_a_get_that_fails_leaves_no_stamp(client: Client) -> None:
    """What was had before is not at work now; a fallback is."""

    def fail(**wrong: Any) -> None:
        client.get("summarize")
        with pytest.raises((PromptUnavailable, TypeError)):
            client.get(**({"name": "unknown"} | wrong))

    fail()
    assert str(current()) == "-"
    fail(name="summarize", version="9.9.9")
    assert str(current()) == "-"
    fail(name="summarize", key=1.5)
    assert str(current()) == "-"
    fail(stamp=False)
    assert str(current()) == "summarize@1.0.0"
    client.get("unknown", fallback="mine")
    assert str(current()) == "unknown@fallback"


def test_aget_and_use_that_fail_leave_none_either(client: Client) -> None:
    """In the context that asked; within a block of `use`, its own prompt goes on."""

    async def main() -> str:
        client.get("summarize")
        with pytest.raises(PromptUnavailable):
            await client.aget("unknown")
        return str(current())

    assert asyncio.run(main()) == "-"
    client.get("summarize")
    with pytest.raises(PromptUnavailable), client.use("unknown"):
        pass
    assert str(current()) == "-"
    with client.use("summarize"):
        with pytest.raises(PromptUnavailable), client.use("unknown"):
            pass
        assert str(current()) == "summarize@1.0.0"


def test_a_context_begins_without_a_stamp(client: Client) -> None:
    """Another user's prompt is not at work in it; after it, what was before is back."""
    for user in range(2):
        with context(key=user):
            assert str(current()) == "-"
            client.get("triage")
            with context(attributes={"tenant": "acme"}):
                assert str(current()) == "-"
            assert str(current()) == "triage@2.0.0"
        assert str(current()) == "-"
    client.get("summarize")
    with context(key="user"):
        client.get("triage")
    assert str(current()) == "summarize@1.0.0"


def test_a_context_within_a_block_goes_on_with_its_prompt(client: Client) -> None:
    """All lines in a block of `use` say so."""
    with client.use("summarize"):
        with context(key="user"):
            assert str(current()) == "summarize@1.0.0"
            client.get("triage")
        assert str(current()) == "summarize@1.0.0"


def test_a_context_is_a_part_of_its_request(client: Client) -> None:
    """What the request has nothing else to say of, it says: its access log, its error handler."""

    async def part(name: str) -> str:
        with context(key=name):
            before = str(current())
            await asyncio.create_task(client.aget(name))
            await asyncio.sleep(0)
            return f"{before} {current()}"

    async def main() -> None:
        with shared():
            assert await part("triage") == "- triage@2.0.0"
            assert str(current()) == "triage@2.0.0"
            both = await asyncio.gather(part("triage"), part("summarize"))
            assert list(both) == ["- triage@2.0.0", "- summarize@1.0.0"]
            client.get("summarize")
            await part("triage")
            assert str(current()) == "summarize@1.0.0"
        assert str(current()) == "-"

    asyncio.run(main())


def test_what_began_in_a_context_goes_on_with_the_request(client: Client) -> None:
    """And is as silent as the request when that is over."""
    seen: list[str] = []

    async def behind(*moments: asyncio.Event) -> None:
        for moment in moments:
            await moment.wait()
            seen.append(str(current()))

    async def main() -> None:
        moments = asyncio.Event(), asyncio.Event()
        with shared():
            with context(key="user"):
                client.get("triage")
                left = asyncio.create_task(behind(*moments))
                await asyncio.sleep(0)
            moments[0].set()
            await asyncio.sleep(0)
        moments[1].set()
        await left

    asyncio.run(main())
    assert seen == ["triage@2.0.0", "-"]


def test_a_block_in_a_thread_of_a_request_is_the_requests(client: Client) -> None:
    """A plain generator's two halves run in threads, in contexts that nothing between them has."""

    def half(step: Callable[..., object], *args: object) -> None:
        thread = Thread(target=copy_context().run, args=(step, *args))
        thread.start()
        thread.join()

    with shared():
        outer, inner = client.use("summarize"), client.use("triage")
        half(outer.__enter__)
        assert str(current()) == "summarize@1.0.0"
        half(inner.__enter__)
        assert str(current()) == "triage@2.0.0"
        with client.use("summarize"):
            assert str(current()) == "summarize@1.0.0"
        half(inner.__exit__, None, None, None)
        assert str(current()) == "summarize@1.0.0"
        half(outer.__exit__, None, None, None)
        assert str(current()) == "-"


def test_blocks_in_threads_of_a_request_do_not_mix(client: Client) -> None:
    """Each thread has its own, whichever began last."""
    together = Barrier(2)

    def work(name: str) -> str:
        with client.use(name):
            together.wait(10)
            return str(current())

    async def main() -> list[str]:
        with shared():
            return await asyncio.gather(*(asyncio.to_thread(work, name) for name in ("summarize", "triage")))

    assert asyncio.run(main()) == ["summarize@1.0.0", "triage@2.0.0"]


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
        collect_garbage()
        blocks = [block for block in gc.get_objects() if isinstance(block, Block)]

    assert len(blocks) == 1
