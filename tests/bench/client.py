"""What the client costs an application: importing it, and everything that it does for a request.

Each is measured beside a floor: the least that Python can do for the same answer, in line, without a call
that the answer does not need. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import count, pairwise
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench import calls
from bench.measure import Row, compared, in_turns, median
from client.fake_registry import FakeRegistry, release

from promptstage import Client, context, logs
from promptstage._replica import key_table
from promptstage.model import Message
from promptstage.mustache import LANGUAGE
from promptstage.prompt import make_document
from promptstage.structured_rendering import make_renderer
from promptstage.template import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptstage.rendering import Renderer
    from promptstage.structured_rendering import StructuredRenderer

CALLS = 10_000  # in a turn
CALLS_OF_A_THREAD = 50_000
STARTS = 15
THREADS, TURNS = 8, 9
TEXT = "Summarize {{text}} for {{tone}}. " + "Lorem ipsum dolor sit amet. " * 36  # 1 KB, two variables
ITEMS = 20
SECTION = "Answer from:\n{{#items}}\n- {{title}}: {{text}}\n{{/items}}\n{{text}}"
SALT = "salt-of-rolling"
PERCENT = 10


def measure() -> Iterator[Row]:
    """Everything that the client does."""
    yield from _imports()
    with served() as (client, registry):
        yield from gets(client)
        yield from _blocks(client)
        yield from _messages(client)
        yield from _sections()
        yield from _records(client)
        yield from calls.measure(registry)
        yield from _threads(client, registry)


@contextmanager
def served() -> Iterator[tuple[Client, FakeRegistry]]:
    """A client that has two releases: `steady`, and `rolling` with a rollout under way."""
    registry = FakeRegistry()
    registry.publish(_steady())
    registry.publish(release("rolling", "1.0.0", candidate="1.1.0", percent=PERCENT))
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
    programs = ("pass", "import promptstage", "from promptstage import Client, context")
    seconds: dict[str, list[float]] = {program: [] for program in programs}
    for _ in range(STARTS):
        for program in programs:
            seconds[program].append(_start(program))
    empty = median(seconds.pop("pass"))[0]
    for program, took in seconds.items():
        more = (median(took)[0] - empty) * 1000
        yield Row(program, more, "ms", note="of a processor, more than an empty interpreter")


def _start(program: str) -> float:
    """The seconds of a processor that a fresh interpreter takes for a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Bare:
    """A method that looks its argument up, and does nothing else: the least that a call of `get` can be."""

    def __init__(self) -> None:
        self._held = {"steady": object()}

    def get(self, name: str, *, key: str) -> object:
        """Look it up."""
        return self._held[name]


def gets(client: Client) -> Iterator[Row]:
    """What `get` takes, without a rollout and with one."""

    def repeat(get: Callable[..., object], name: str) -> None:
        for _ in range(CALLS):
            get(name, key="user-42")

    def in_context() -> None:
        with context(key="user-42"):
            for _ in range(CALLS):
                client.get("rolling")

    floor = "a method with a look-up"
    works: dict[str, Callable[[], None]] = {
        floor: partial(repeat, Bare().get, "steady"),
        "get, no rollout, stamped": partial(repeat, client.get, "steady"),
        "get, split, a key that returns": partial(repeat, client.get, "rolling"),
        "get, split, the key of a context": in_context,
    }
    targets = {"get, no rollout, stamped": "0.25 us", "get, split, a key that returns": "0.30 us"}
    yield from compared(in_turns(works, calls=CALLS, cpu=True), floor, targets)
    yield from _splits(client)


def _splits(client: Client) -> Iterator[Row]:
    """A new key each time, and what each thing that it gets besides the decision takes."""

    def stamped(keys: list[str]) -> None:
        for key in keys:
            client.get("rolling", key=key)

    def unstamped(keys: list[str]) -> None:
        for key in keys:
            client.get("rolling", key=key, stamp=False)

    def forgotten(keys: list[str]) -> None:
        with patch.object(key_table, "KEY_CHARACTERS", 0):
            unstamped(keys)

    numbers = count()

    def new_keys() -> tuple[list[str]]:
        return ([f"user-{next(numbers)}" for _ in range(CALLS)],)

    floor, whole = "dictionary, SHA-256, compare, in line", "get, split, a new key each"
    alone = f"{whole}, unstamped"
    works = {floor: _in_line, "forgotten": forgotten, alone: unstamped, whole: stamped}
    samples = in_turns(works, calls=CALLS, cpu=True, given=new_keys)
    call, kept, stamp = (_more(samples[less], samples[more]) for less, more in pairwise(works))
    notes = {
        alone: f"{call:.2f} us more for the call, {kept:.2f} us to remember the key",
        whole: f"{stamp:.2f} us more for the stamp, which changes with every third key",
    }
    del samples["forgotten"]
    for row in compared(samples, floor, {alone: "2.5 x"}):
        yield replace(row, note=notes.get(row.work, ""))


def _more(less: Sequence[float], more: Sequence[float]) -> float:
    """How many microseconds more something takes, in the median turn."""
    return median([high - low for low, high in zip(less, more, strict=True)])[0] * 1e6


def _in_line(keys: list[str]) -> None:
    """Decide as cheaply as Python can: no call but those of the hash, and not even an integer is made."""
    held = {"rolling": sha256(f"v1\0{SALT}\0".encode())}
    bound = (-(-(PERCENT << 64) // 100)).to_bytes(8, "big")
    for key in keys:
        hashed = held["rolling"].copy()
        hashed.update(key.encode())
        _ = hashed.digest() < bound


def _blocks(client: Client) -> Iterator[Row]:
    """What it costs to say for a block which prompt is at work, and whose it is."""
    variable: ContextVar[str] = ContextVar("bench")

    def in_line() -> None:
        for _ in range(CALLS):
            token = variable.set("user-42")
            try:
                pass
            finally:
                variable.reset(token)

    def use() -> None:
        for _ in range(CALLS):
            with client.use("rolling", key="user-42"):
                pass

    def of_a_key() -> None:
        for _ in range(CALLS):
            with context(key="user-42"):
                pass

    floor = "a variable set and reset, in line"
    works = {floor: in_line, "use, split, a key that returns": use, "context, a key": of_a_key}
    yield from compared(in_turns(works, calls=CALLS, cpu=True), floor, {})


def _messages(client: Client) -> Iterator[Row]:
    prompt = client.get("steady", key="user-42")
    before, between, after = parse(TEXT).literals

    def in_line() -> None:
        text, tone = "a thread", "a friend"
        for _ in range(CALLS):
            _ = [{"role": "user", "content": f"{before}{text}{between}{tone}{after}"}]

    def messages() -> None:
        for _ in range(CALLS):
            prompt.messages(text="a thread", tone="a friend")

    floor, work = "parts joined, in a list, in line", "messages, 1 KB, two variables"
    works = {floor: in_line, work: messages}
    yield from compared(in_turns(works, calls=CALLS, cpu=True), floor, {work: "1.0 us"})


def _sections() -> Iterator[Row]:
    """What Mustache takes: for the same text without sections, and for a list of 20 items."""
    plain = make_document(TEXT)
    text, tone = "a thread", "a friend"
    items = [{"title": f"Context {n}", "text": "Lorem ipsum dolor sit amet."} for n in range(ITEMS)]
    section = replace(plain, messages=(Message("user", SECTION),))
    first, same, listed = (
        make_renderer("bench", document)
        for document in (plain, replace(plain, language=LANGUAGE), replace(section, language=LANGUAGE))
    )
    floor, work = "messages of the first edition", "the same text in Mustache"
    works = {
        name: partial(_repeat, renderer, {"text": text, "tone": tone})
        for name, renderer in ((floor, first), (work, same))
    }
    yield from compared(in_turns(works, calls=CALLS, cpu=True), floor, {work: "1.0 us"})

    def in_line() -> None:
        for _ in range(CALLS):
            lines = [f"- {item['title']}: {item['text']}\n" for item in items]
            _ = [{"role": "user", "content": f"Answer from:\n{''.join(lines)}{text}"}]

    floor, work = f"{ITEMS} lines joined, in line", f"messages, a section of {ITEMS} items"
    lists: dict[str, Callable[[], None]] = {
        floor: in_line,
        work: partial(_repeat, listed, {"items": items, "text": text}),
    }
    yield from compared(in_turns(lists, calls=CALLS, cpu=True), floor, {work: "60 us"})


def _repeat(renderer: Renderer | StructuredRenderer, values: dict[str, object]) -> None:
    for _ in range(CALLS):
        renderer.messages(values)


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
    samples = in_turns(works, calls=CALLS, cpu=True)
    more = _more(*samples.values())
    plain_row, stamped_row = compared(samples, "a log record", {"a log record with its stamp": "+ 0.4 us"})
    yield plain_row
    yield replace(stamped_row, note=f"+ {more:.2f} us")


def _threads(client: Client, registry: FakeRegistry) -> Iterator[Row]:
    """Calls a second of one thread, and of several together, while releases are swapped."""
    over = Event()
    seqs = count(2)

    def swap() -> None:
        while not over.wait(0.01):
            seq = next(seqs)
            registry.publish(
                release("rolling", f"1.{seq}.0", seq=seq, candidate=f"1.{seq}.1", percent=PERCENT)
            )

    def work() -> int:
        torn = 0
        for number in range(CALLS_OF_A_THREAD):
            prompt = client.get("rolling", key=f"user-{number % 100}")
            torn += not prompt.document.texts[0].startswith(f"{prompt.version}:")
        return torn

    def together(threads: int) -> tuple[float, int]:
        torn: list[int] = []
        running = [Thread(target=lambda: torn.append(work())) for _ in range(threads)]
        begun = time.perf_counter()
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return threads * CALLS_OF_A_THREAD / (time.perf_counter() - begun), sum(torn)

    swapping = Thread(target=swap)
    swapping.start()
    try:
        one, many, torn = [], [], 0
        for _ in range(TURNS):
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
