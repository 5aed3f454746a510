"""A client after a fork: as servers that load the application first and fork then have it."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import FakeRegistry, release, until

from promptstage import Client, PromptUnavailable, logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from client.conftest import Connect

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # forking with threads is the point
]


def in_child(work: Callable[[], Any]) -> Any:
    """What a function returns in a forked child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(work()).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
    return json.loads(answer)


def test_the_child_follows_by_itself(connect: Connect, registry: FakeRegistry) -> None:
    """It serves at once, hears of changes through a stream of its own, and fetches new names."""
    registry.releases["other"] = release("other")
    client = connect(prompts=["summarize"])
    assert client.ready(10)

    def promote() -> None:
        registry.wait(lambda: len(registry.asked) >= 2 and registry.count("GET") == 1)
        registry.publish(release(stable="1.3.0", seq=2))

    Thread(target=promote, daemon=True).start()

    def child() -> list[str]:
        held = [client.get("summarize").version, client.get("other").version]
        until(lambda: client.get("summarize").version == "1.3.0")
        return held

    assert in_child(child) == ["1.2.0", "1.2.0"]


UNTOLD = """
import ctypes, json, logging, os, sys, threading, time
from contextlib import ExitStack
from promptstage import Client

class Lines(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())

def hold():
    with ExitStack() as stack:
        for lock in (client._source._follower._lock, client._source._holdings._lock):
            stack.enter_context(lock)
        held.set()
        threading.Event().wait()

said, held = [], threading.Event()
logging.getLogger("promptstage").addHandler(Lines())
client = Client(sys.argv[1], token="t", prompts=["summarize"], snapshot_dir=sys.argv[2])
assert client.ready(10)
threading.Thread(target=hold, daemon=True).start()
held.wait()
# A thread that has asked for the interpreter would leave the child waiting for it, inside CPython. So let all
# of them fall asleep, and none ask for it in this moment.
time.sleep(0.3)
sys.setswitchinterval(60)
pid = ctypes.PyDLL(None).fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
sys.setswitchinterval(0.005)
first = client.get("summarize").version
while client.status()["stream"]["state"] != "connected":
    time.sleep(0.005)
client.get("summarize")
print(json.dumps([first, sum("without telling" in line for line in said)]), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wipes a child's memory")
def test_a_fork_that_python_is_not_told_of(registry: FakeRegistry, tmp_path: Path) -> None:
    """As uWSGI forks: `get` notices, says so once, and follows; whatever locks the parent's threads held.

    In a process of its own, where no other thread is at work: nothing protects Python from those.
    """
    command = [sys.executable, "-c", UNTOLD, registry.url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(done.stdout) == ["1.2.0", 1]


def test_no_thread_is_started_in_uwsgi_before_it_forks(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread at work while it forks would block the worker; `get` and `ready` fetch without one."""
    asked = {"worker_id": 0, "mule_id": 0, "masterpid": os.getpid()}
    uwsgi = SimpleNamespace(**{name: (lambda name=name: asked[name]) for name in asked})
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    with pytest.raises(PromptUnavailable):
        client.get("unknown")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("promptstage")]

    asked["worker_id"] = 1  # as it is where there is no master, and nothing forks
    assert client.get("summarize").version == "1.2.0"
    until(lambda: client.status()["stream"]["state"] == "connected")


def test_what_an_earlier_run_left_is_confirmed_in_uwsgi_before_it_forks(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ready` asks for that, too, and does not wait for a thread that is not there."""
    with connect(prompts=["summarize"]) as before:
        assert before.ready(10)
    asked = {"worker_id": 0, "mule_id": 0, "masterpid": os.getpid()}
    monkeypatch.setitem(
        sys.modules, "uwsgi", SimpleNamespace(**{name: (lambda name=name: asked[name]) for name in asked})
    )
    client = connect(prompts=["summarize"])
    assert client.get("summarize").source == "snapshot"

    assert client.ready(0.5)
    assert client.get("summarize").source == "live"


def test_what_was_confirmed_long_ago_is_not_live_in_the_child(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was confirmed to another process."""
    monkeypatch.setattr("promptstage.limits.SILENCE", 0.0)
    monkeypatch.setattr("promptstage.limits.GATHER", 60.0)
    client = connect(prompts=["summarize"])
    client.get("summarize")

    assert in_child(lambda: client.get("summarize").source) == "snapshot"


def test_the_parent_keeps_its_stream(connect: Connect, registry: FakeRegistry) -> None:
    """A child that ends, its own stream open, takes nothing along."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    in_child(lambda: until(lambda: client.status()["stream"]["state"] == "connected"))
    registry.wait_for_streams(2)
    opened = len(registry.asked)
    registry.publish(release(stable="1.3.0", seq=2))
    until(lambda: client.get("summarize").version == "1.3.0")

    assert registry.asked[opened:] == []


def test_the_child_of_a_closed_client_stays_closed(connect: Connect, registry: FakeRegistry) -> None:
    """Nothing is started that was stopped."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    client.close()

    assert in_child(lambda: client.status()["stream"]["state"]) == "closed"


def test_a_fork_during_a_first_fetch(connect: Connect, registry: FakeRegistry) -> None:
    """The parent's fetch never lands in the child, which makes its own."""
    client = connect(timeout=10)
    registry.delay.clear()
    waiting = Thread(target=client.get, args=["summarize"])
    waiting.start()
    registry.wait(lambda: registry.count("GET") == 1)

    def release_all() -> None:
        registry.wait(lambda: registry.count("GET") == 2)
        registry.delay.set()

    Thread(target=release_all, daemon=True).start()
    assert in_child(lambda: client.get("summarize").version) == "1.2.0"
    waiting.join()


def test_a_fork_while_another_thread_installs_the_stamp() -> None:
    """The child installs it too, and waits for nobody who is not there."""

    def child() -> bool:
        logs.install()
        return hasattr(logging.makeLogRecord({}), "promptstage")

    with logs._lock:
        assert in_child(child)


def test_a_client_is_not_pickled(connect: Connect) -> None:
    """The error says what to do where processes are spawned."""
    with pytest.raises(TypeError, match="make one in each"):
        pickle.dumps(connect())


def test_a_copy_of_a_client_is_that_client(connect: Connect) -> None:
    """Frameworks copy the configuration that they hold, deeply too."""
    client = connect()

    assert copy.deepcopy({"client": [client]})["client"][0] is client
    assert copy.copy(client) is client


def test_a_child_that_ends_at_once_connects_to_nothing(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that runs another program, as those of `subprocess` with a `preexec_fn`."""
    monkeypatch.setattr("promptstage.limits.GATHER", 60.0)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    assert in_child(lambda: client.get("summarize").version) == "1.2.0"
    subprocess.run(["true"], preexec_fn=lambda: None, check=True)

    assert len(registry.asked) == 1


@pytest.fixture
def full() -> Iterator[str]:
    """Where a connection is begun and never made: the one place in the queue is taken."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_fork_while_the_parent_connects(connect: Connect, full: str) -> None:
    """The child holds no connection that is going to be the parent's."""
    client = connect(full, prompts=["summarize"])
    sockets = client._source._transport._connections._sockets  # type: ignore[attr-defined]
    until(lambda: bool(list(sockets)))
    inodes = [os.fstat(sock.fileno()).st_ino for sock in sockets]

    def is_open(number: int) -> bool:
        with suppress(OSError):
            return os.fstat(number).st_ino in inodes
        return False

    assert in_child(lambda: [number for number in range(256) if is_open(number)]) == []


def test_close_wakes_a_thread_that_connects(full: str) -> None:
    """Nobody waits for a connection that is not wanted any more."""
    client = Client(full, prompts=["summarize"], timeout=60)
    until(lambda: bool(list(client._source._transport._connections._sockets)))  # type: ignore[attr-defined]
    client._source.stop()  # type: ignore[attr-defined]

    until(lambda: not any(thread.name == "promptstage" for thread in threading.enumerate()))
