"""What the block of a call costs an application, beside what it would write by hand for the same line."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench.measure import Row, compared, in_turns
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from client import responses_of as given
from promptstage import Client, limits
from promptstage._reporting.backlog import Entry
from promptstage._reporting.batch import make_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from client.fake_registry import FakeRegistry

    from promptstage._calls.record import Record

CALLS = 500  # in a turn
CHAT = ChatCompletion.model_validate(given.CHAT)
CHUNK = ChatCompletionChunk.model_validate(given.CHUNKS[1])
BATCH = 500
_logger = logging.getLogger("promptstage.calls")


def measure(registry: FakeRegistry) -> Iterator[Row]:
    """Calls, parts of streams, and what a report takes."""
    before = (_logger.level, _logger.propagate)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    _logger.addHandler(handler := logging.NullHandler())
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield from _blocks(registry, Path(folder))
    finally:
        _logger.removeHandler(handler)
        _logger.level, _logger.propagate = before


def _blocks(registry: FakeRegistry, folder: Path) -> Iterator[Row]:
    quiet = Client(registry.url, prompts=["rolling"], snapshot_dir=folder / "quiet", report=False)
    loud = Client(registry.url, prompts=["rolling"], snapshot_dir=folder / "loud")
    with quiet, loud, patch.multiple(limits, BATCH_CALLS=10**9, BATCH_EVERY=3600.0, FLUSH=0.0):
        assert quiet.ready(10)
        assert loud.ready(10)
        yield from _calls(quiet, loud)
        yield from _stream(quiet)
        yield from _reports(quiet)


def _calls(quiet: Client, loud: Client) -> Iterator[Row]:
    floor = "the same line, by hand"
    works: dict[str, Callable[[], None]] = {
        floor: partial(_by_hand, quiet),
        "call, an answer recorded": partial(_call, quiet),
        "call, in a coroutine": partial(_in_loop, quiet),
        "call, reported": partial(_call, loud),
        "call, no line asked for": partial(_without_line, quiet),
    }
    target = "+ 25 us"
    targets = dict.fromkeys((name for name in works if name != floor), target)
    channel = loud._source.reporter._channel  # type: ignore[attr-defined]

    def emptied() -> tuple[()]:
        """Nobody takes the reports of a turn; a queue that is full does more than one that is not."""
        channel.reset()
        return ()

    yield from compared(in_turns(works, calls=CALLS, cpu=True, given=emptied), floor, targets)


def _call(client: Client) -> None:
    for _ in range(CALLS):
        with client.call("rolling", key="user-42") as call:
            call.record(CHAT)


def _without_line(client: Client) -> None:
    _logger.setLevel(logging.ERROR)
    _call(client)
    _logger.setLevel(logging.INFO)


def _in_loop(client: Client) -> None:
    async def work() -> None:
        for _ in range(CALLS):
            async with client.call("rolling", key="user-42") as call:
                call.record(CHAT)

    asyncio.run(work())


def _by_hand(client: Client) -> None:
    """What the documentation of loggers tells an application to write: the version, the time, the tokens."""
    for _ in range(CALLS):
        with client.use("rolling", key="user-42") as prompt:
            begun, call = time.perf_counter(), str(uuid.uuid4())
            usage: Any = CHAT.usage
            tools = [tool.function.name for tool in CHAT.choices[0].message.tool_calls or ()]  # type: ignore[union-attr]
            milliseconds = (time.perf_counter() - begun) * 1000
            _logger.info(
                "%s@%s %s %s %.0f ms %d+%d tokens",
                prompt.name,
                prompt.version,
                prompt.arm,
                CHAT.model,
                milliseconds,
                usage.prompt_tokens,
                usage.completion_tokens,
                extra={
                    "id": call,
                    "at": time.time(),
                    "arm": prompt.arm,
                    "reason": prompt.reason,
                    "rollout": prompt.rollout,
                    "model": prompt.model,
                    "response_model": CHAT.model,
                    "input_tokens": usage.prompt_tokens,
                    "output_tokens": usage.completion_tokens,
                    "cached_tokens": usage.prompt_tokens_details.cached_tokens,
                    "reasoning_tokens": usage.completion_tokens_details.reasoning_tokens,
                    "duration_ms": milliseconds,
                    "finish_reason": CHAT.choices[0].finish_reason,
                    "tool_calls": tools,
                },
            )


def _stream(client: Client) -> Iterator[Row]:
    parts = [CHUNK] * 10_000

    def in_line() -> None:
        for _ in parts:
            pass

    def passed_on() -> None:
        with client.call("rolling", key="user-42") as call:
            for _ in call.stream(parts):
                pass

    floor, work = "a list, in line", "a part of a streamed answer"
    works = {floor: in_line, work: passed_on}
    yield from compared(in_turns(works, calls=len(parts), cpu=True), floor, {work: "6 us"})


def _reports(client: Client) -> Iterator[Row]:
    """What the thread that sends takes for a record, besides the network."""
    with client.call("rolling", key="user-42", conversation="c-1") as call:
        call.record(CHAT)
    record: Record = call._record
    entries = [Entry("calls", record) for _ in range(BATCH)]
    works = {"a record written, in a batch of 500": lambda: make_batch("calls", entries, None)}
    (row,) = compared(in_turns(works, calls=BATCH, cpu=True), next(iter(works)), {})
    size = len(make_batch("calls", entries, None)[0].body) / BATCH
    yield Row(
        row.work, row.value, row.unit, row.spread, note=f"{size:.0f} bytes of one, compressed, all alike"
    )
