"""What the client costs an application: importing it, and everything that it does for a request.

Each is measured beside a floor: what the same would cost with a dictionary and a hash alone. Nothing here
fails on a slow machine.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from bench.measure import REPEATS, Row, compared, in_turns, median
from client.fake_registry import FakeRegistry, release

from promptstage import Client, logs
from promptstage.template import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = 50_000
STARTS = 15
THREADS = 8
TEXT = "Summarize {{text}} for {{tone}}. " + "Lorem ipsum dolor sit amet. " * 36  # 1 KB, two variables
SALT = "salt-of-rolling"


def measure() -> Iterator[Row]:
    """Everything that the client does."""
    yield from _imports()
    with served() as (client, registry):
        yield from gets(client)
        yield from _messages(client)
        yield from _records(client)
        yield from _threads(client, registry)


@contextmanager
def served() -> Iterator[tuple[Client, FakeRegistry]]:
    """A client that has two releases: `steady`, and `rolling` with a rollout under way."""
    registry = FakeRegistry()
    registry.publish(_steady())
    registry.publish(release("rolling", "1.0.0", candidate="1.1.0", percent=10))
    with (
        tempfile.TemporaryDirectory() as folder,
        Client(registry.url, prompts=["steady", "rolling"], snapshot_dir=Path(folder)) as client,
    ):
        assert client.ready(10), client.status()
        yield client, registry
    registry.stop()


def _steady() -> dict[str, Any]:
    """A release without a rollout, of a prompt that is as long as prompts are."""
    body: dict[str, Any] = release("steady", "1.0.0")
    document = body["versions"]["1.0.0"]["document"]
    document["messages"] = [{"role": "user", "content": TEXT}]
    document["variables"] = [
        {"name": name, "required": True, "default": None, "description": ""} for name in ("text", "tone")
    ]
    return body


def _imports() -> Iterator[Row]:
    empty = _start("pass")
    for program in ("import promptstage", "from promptstage import Client, context"):
        yield Row(program, _start(program) - empty, "ms", note="more than an empty interpreter")


def _start(program: str) -> float:
    """The median time of a fresh interpreter with a program, in milliseconds."""
    times = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


class Bare:
    """A method that does next to nothing, to compare `get` with."""

    def __init__(self) -> None:
        self._held = {"steady": object()}

    def get(self, name: str, *, key: str) -> object:
        """Look it up."""
        return self._held[name]


def gets(client: Client) -> Iterator[Row]:
    """What `get` takes, without a rollout and with one."""
    fresh = count()
    bare = Bare()

    def repeat(get: Callable[..., object], name: str) -> None:
        for _ in range(CALLS):
            get(name, key="user-42")

    def new_keys(get: Callable[..., object]) -> None:
        for number in range(next(fresh) * CALLS, next(fresh) * CALLS):
            get("rolling", key=f"user-{number}")

    def hashed(name: str, *, key: str) -> bool:
        return bare.get("steady", key=key) is not None and _bucket(key) < 10_000

    steady = {"a bare method": partial(repeat, bare.get, "steady")}
    steady["get, no rollout, stamped"] = partial(repeat, client.get, "steady")
    steady["get, split, a key that returns"] = partial(repeat, client.get, "rolling")
    targets = {"get, no rollout, stamped": "0.25 us", "get, split, a key that returns": "0.30 us"}
    yield from compared(in_turns(steady, calls=CALLS, cpu=True), "a bare method", targets)
    split = {"dictionary, SHA-256, compare": partial(new_keys, hashed)}
    split["get, split, a new key each"] = partial(new_keys, client.get)
    yield from compared(
        in_turns(split, calls=CALLS, cpu=True),
        "dictionary, SHA-256, compare",
        {"get, split, a new key each": "1.4 x"},
    )


def _bucket(key: str) -> int:
    data = sha256(f"v1\0{SALT}\0{key}".encode()).digest()
    return int.from_bytes(data[:8], "big") * 100_000 >> 64


def _messages(client: Client) -> Iterator[Row]:
    prompt = client.get("steady", key="user-42")
    template = parse(TEXT)
    parts = list(template.literals)

    def joined() -> None:
        for _ in range(CALLS):
            "".join((parts[0], "a thread", parts[1], "a friend", parts[2]))

    def messages() -> None:
        for _ in range(CALLS):
            prompt.messages(text="a thread", tone="a friend")

    works = {"parts, joined": joined, "messages, 1 KB, two variables": messages}
    targets = {"messages, 1 KB, two variables": "0.6 us"}
    yield from compared(in_turns(works, calls=CALLS, cpu=True), "parts, joined", targets)


def _records(client: Client) -> Iterator[Row]:
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    client.get("steady", key="user-42")
    plain = logging.getLogRecordFactory()
    logs.install()
    stamping = logging.getLogRecordFactory()

    def write(factory: Callable[..., logging.LogRecord]) -> None:
        logging.setLogRecordFactory(factory)
        for _ in range(CALLS):
            logger.info("calling")

    works = {"a log record": partial(write, plain), "a log record with its stamp": partial(write, stamping)}
    rows = compared(in_turns(works, calls=CALLS, cpu=True), "a log record", {})
    yield rows[0]
    more = rows[1].value - rows[0].value
    yield Row(
        rows[1].work, rows[1].value, "us", rows[1].spread, rows[1].floor, "+ 0.4 us", f"+ {more:.2f} us"
    )


def _threads(client: Client, registry: FakeRegistry) -> Iterator[Row]:
    """Calls a second of one thread, and of several together, while releases are swapped."""
    over = Event()
    seqs = count(2)

    def swap() -> None:
        while not over.wait(0.01):
            seq = next(seqs)
            registry.publish(release("rolling", f"1.{seq}.0", seq=seq, candidate=f"1.{seq}.1", percent=10))

    def work() -> int:
        torn = 0
        for number in range(CALLS):
            prompt = client.get("rolling", key=f"user-{number % 100}")
            torn += not prompt.document.messages[0].content.startswith(f"{prompt.version}:")
        return torn

    def together(threads: int) -> tuple[float, int]:
        torn: list[int] = []
        running = [Thread(target=lambda: torn.append(work())) for _ in range(threads)]
        begun = time.perf_counter()
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return threads * CALLS / (time.perf_counter() - begun), sum(torn)

    swapping = Thread(target=swap)
    swapping.start()
    try:
        one, many, torn = [], [], 0
        for _ in range(REPEATS):
            one.append(together(1)[0])
            speed, found = together(THREADS)
            many.append(speed)
            torn += found
    finally:
        over.set()
        swapping.join()
    floor = median(one)[0]
    middle, spread = median(many)
    yield Row(
        f"get, {THREADS} threads, while it changes", middle, "/s", spread, floor, "0.9 x", f"{torn} torn"
    )
