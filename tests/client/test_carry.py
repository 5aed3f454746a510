"""Handing the stamp, the key and the attributes to a thread."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import release

from promptstage import carry, context, logs
from promptstage.stamp import current, shared
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def client() -> Client:
    """Two prompts, and one with a rollout to half of the users and to one tenant."""
    rolling = release("rolling", "1.0.0", candidate="2.0.0", percent=50, audience={"tenant": ["acme"]})
    return Client.of({"summarize": "Summarize", "triage": "Triage", "rolling": rolling})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that know nothing of whoever hands them work."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def in_a_context_of_its_own(test: object) -> None:
    """Tests mark contexts as they like."""
    assert callable(test)
    copy_context().run(test)


def test_a_pool_logs_for_whoever_hands_it_work(
    client: Client, pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    """The carried function's lines name the prompt; those of others in the same threads do not."""
    logs.install()

    def test() -> None:
        client.get("summarize")
        pool.submit(carry(logging.getLogger("app").warning), "carried").result()
        pool.submit(logging.getLogger("app").warning, "bare").result()

    in_a_context_of_its_own(test)
    assert [(line.message, str(vars(line)["promptstage"])) for line in caplog.records] == [
        ("carried", "summarize@1.0.0"),
        ("bare", "-"),
    ]


def test_the_key_and_the_attributes_go_along(client: Client, pool: ThreadPoolExecutor) -> None:
    """Each user's thread decides as the user's own would."""

    def arm() -> str:
        return client.get("rolling").arm

    for user in range(20):
        with context(key=user):
            assert pool.submit(carry(arm)).result() == client.get("rolling", key=user).arm
    with context(key="any", attributes={"tenant": "acme"}):
        assert pool.submit(carry(lambda: client.get("rolling").reason)).result() == "TARGETING_MATCH"


def test_a_carried_function_runs_many_times_at_once(client: Client, pool: ThreadPoolExecutor) -> None:
    """A context can be entered once at a time; each call has a copy, and starts from the same stamp."""
    together = Barrier(4)

    def work(name: str) -> tuple[str, str]:
        before = str(current())
        client.get(name)
        together.wait(10)
        return before, str(current())

    def test() -> None:
        client.get("summarize")
        carried = carry(work)
        names = ["rolling", "triage", "summarize", "triage"]
        client.get("triage")
        found = list(pool.map(carried, names))
        assert {before for before, _ in found} == {"summarize@1.0.0"}
        assert [after.partition("@")[0] for _, after in found] == names
        assert str(current()) == "triage@1.0.0"

    in_a_context_of_its_own(test)


def test_a_thread_outlives_its_request(client: Client) -> None:
    """The end of the request takes the stamp from all who share it, but not from who carried it away."""
    over, seen = Event(), []

    def work() -> None:
        over.wait(10)
        seen.append(str(current()))
        client.get("triage")

    with shared():
        client.get("summarize")
        threads = [Thread(target=carry(work)), Thread(target=copy_context().run, args=(work,))]
        for thread in threads:
            thread.start()
    over.set()
    for thread in threads:
        thread.join()

    assert sorted(seen) == ["-", "summarize@1.0.0"]


def test_it_looks_and_answers_like_the_function() -> None:
    """Name, arguments, result, and what it raises."""

    def divide(number: int, *, by: int) -> float:
        """Share."""
        return number / by

    carried = carry(divide)

    assert (carried.__name__, carried.__doc__, carried(6, by=3)) == ("divide", "Share.", 2)
    with pytest.raises(ZeroDivisionError):
        carried(1, by=0)


async def _coroutine() -> None: ...


def _generator() -> Iterator[None]:
    yield


@pytest.mark.parametrize("function", [_coroutine, _generator])
def test_what_runs_later_is_refused(function: Callable[[], object]) -> None:
    """Its body would run in another context than the one that is carried."""
    with pytest.raises(TypeError, match="plain functions"):
        carry(function)
