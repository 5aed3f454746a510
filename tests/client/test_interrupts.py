"""Signal handlers, finalizers and `__del__`: they run between any two lines of a client's own code."""

from __future__ import annotations

import signal
import threading
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import SILENT_STREAM, FakeRegistry, release, until
from support import collect_garbage

from promptstage import Client, PromptUnavailable
from promptstage._replica.notifier import Flag, Notifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from client.conftest import Connect

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no such signals here")
INTERRUPT_EVERY = 0.0003  # seconds
ROUNDS = 150


@pytest.fixture
def interrupted() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Run a function in a signal handler again and again, wherever the main thread is."""
    before, over = signal.getsignal(signal.SIGUSR1), Event()

    def interrupt() -> None:
        while not over.wait(INTERRUPT_EVERY):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    sender = Thread(target=interrupt)

    def start(work: Callable[[], object]) -> None:
        busy = False

        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal busy
            if not busy:
                busy = True
                work()
                busy = False

        signal.signal(signal.SIGUSR1, handle)
        sender.start()

    yield start
    over.set()
    sender.join()
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_handler_may_ask_for_names_never_seen(
    connect: Connect, registry: FakeRegistry, interrupted: Callable[[Callable[[], object]], None]
) -> None:
    """While the code that it interrupted asks for others, waits, looks and closes."""
    names = [f"n{number}" for number in range(ROUNDS)]
    registry.releases = {name: release(name) for name in names}
    client, left, seen = connect(timeout=10), names[::2], []

    def handle() -> None:
        if left:
            seen.append(client.get(left.pop()).name)
            client.status()

    interrupted(handle)
    begun = time.monotonic()
    for name in names[1::2]:
        assert client.get(name).name == name
        client.ready(0.001)
    until(lambda: not left)

    assert len(seen) == len(names[::2])
    assert time.monotonic() - begun < 10 - 1  # none waited in vain


def test_a_signal_handler_may_close(
    connect: Connect, interrupted: Callable[[Callable[[], object]], None]
) -> None:
    """Also while the code that it interrupted closes the same client, or another."""
    clients: list[Client] = []

    def handle() -> None:
        for client in clients:
            client.close()

    interrupted(handle)
    for _ in range(5):
        clients[:] = [connect(prompts=["summarize"]), connect(prompts=["summarize"])]
        for client in clients:
            client.close()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "promptstage"])


def test_a_handler_within_a_fetch_that_was_about_to_start(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for the same name, and waits for no thread that cannot start before it returns."""
    registry.mode = SILENT_STREAM  # or it brings the release before the fetch
    client = connect(timeout=10)
    nested: list[Any] = []
    count = client._source._health.count  # type: ignore[attr-defined]

    def interrupt(what: str) -> None:
        count(what)
        if what == "first_fetches" and not nested and threading.current_thread() is threading.main_thread():
            nested.append(None)
            nested.append(client.get("summarize"))

    monkeypatch.setattr(client._source._health, "count", interrupt)  # type: ignore[attr-defined]

    assert client.get("summarize").version == "1.2.0"
    assert nested[1].version == "1.2.0"


def test_a_client_may_be_collected_on_its_own_thread(connect: Connect, registry: FakeRegistry) -> None:
    """The garbage collector runs where it likes; the thread ends all the same."""
    client = Client(registry.url, prompts=["summarize"])
    assert client.ready(10)
    stop = client._source.stop  # type: ignore[attr-defined]
    closed = Flag()

    class Garbage:
        def __del__(self) -> None:
            client.close()
            closed.set()

    cycle = [Garbage()]
    cycle.append(cycle)  # type: ignore[arg-type]
    take = client._source._follower._take  # type: ignore[attr-defined]

    def collect(*arguments: object) -> None:
        nonlocal cycle
        cycle = []
        collect_garbage()
        take(*arguments)

    client._source._follower._take = collect  # type: ignore[attr-defined]
    registry.publish(release(seq=2))

    assert closed.wait(10)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "promptstage"])
    stop()


def test_a_notifier_wakes_all_and_forgets_those_that_gave_up() -> None:
    """However often someone looks in vain, nothing piles up."""
    notifier = Notifier()
    ready: list[bool] = []
    for _ in range(10):
        assert not notifier.wait_for(lambda: bool(ready), 0.001)
    assert not notifier._waiters
    waiting = [Thread(target=notifier.wait_for, args=(lambda: bool(ready), 10)) for _ in range(5)]
    for thread in waiting:
        thread.start()
    until(lambda: len(notifier._waiters) == len(waiting))
    ready.append(True)
    notifier.notify_all()
    for thread in waiting:
        thread.join(5)

    assert not any(thread.is_alive() for thread in waiting)


def test_an_unknown_name_in_a_handler_is_an_error_and_no_wait(
    connect: Connect, interrupted: Callable[[Callable[[], object]], None]
) -> None:
    """As anywhere else."""
    client, told = connect(), []

    def handle() -> None:
        try:
            client.get("unknown")
        except PromptUnavailable as error:
            told.append(error.reason)

    interrupted(handle)
    until(lambda: len(told) > 20)

    assert set(told) == {"no_release"}
