"""What the registry answers in a second, beside a bare app on the same uvicorn with the same bytes.

Nothing here fails on a slow machine.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, closing
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import Ask, Bare, Load, answer, processor_seconds
from bench.measure import Row, median, quotient
from support import PromptRepository, Registry, prompt

from promptstage.evaluation import BUCKETS, decide
from promptstage.model import parse_release
from registry.api.http import fast_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Release

REQUESTS = 4000  # of a turn
TURNS = 25
TEXT = "Summarize {{text}} for {{tone}}. " + "Lorem ipsum dolor sit amet. " * 36  # 1 KB, two variables
RESOLVE = "/v1/environments/production/resolve/summarize?key={key}&attribute=tenant:acme"
NEW_KEYS = fast_path.DECISIONS + 10_000  # all are forgotten before they come again
STEPS = [{"percent": 25}, {"percent": 100}]


def measure() -> Iterator[Row]:
    """Ask both servers in turns."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = Registry(repository(folder / "prompts").path, folder / "data")
        stack.callback(registry.stop)
        asks = prepare(registry)
        bare = Bare(folder, {ask.path: answer(registry.port, ask) for ask in asks.values()}, stack)
        for what, ask in asks.items():
            with closing(Load(registry.port, ask)) as ours, closing(Load(bare.port, ask)) as floor:
                assert without_date(ours.answer) == without_date(floor.answer)
                yield from _compared(what, (registry.process.pid, ours), (bare.process.pid, floor))


def repository(path: Path) -> PromptRepository:
    """Two prompts that are as long as prompts are, in two versions each."""
    made = PromptRepository(path)
    for version in ("1.0.0", "1.1.0"):
        for name in ("summarize", "other"):
            made.tag(name, version, prompt(TEXT))
    return made


def prepare(registry: Registry) -> dict[str, Ask]:
    """Begin a split, and name what is asked for."""
    for environment in ("production", "staging"):
        registry.api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    started = registry.api.act("start", "summarize", {"version": "1.1.0", "steps": STEPS}, "production")
    assert started.status == 200, started.text
    token = ("authorization", f"Bearer {registry.api.token}")
    release = parse_release(registry.api.get("/v1/environments/production/releases/summarize").json)
    keys = tuple(islice(_keys(release), NEW_KEYS))
    etag = registry.api.get("/v1/environments/staging/releases/summarize").headers["ETag"]
    return {
        "GET release, 200": Ask("/v1/environments/production/releases/summarize", (token,)),
        "GET release, 304": Ask(
            "/v1/environments/staging/releases/summarize", (token, ("if-none-match", etag))
        ),
        "resolve, a key that returns": Ask(RESOLVE, (token,), keys[:1]),
        "resolve, a new key each": Ask(RESOLVE, (token,), keys),
    }


def _keys(release: Release) -> Iterator[str]:
    """Keys whose answers are of the same length: on one arm, in buckets of five digits."""
    for key in map("user-{:07}".format, count()):
        decision = decide(release, key)
        if decision.arm == "stable" and decision.bucket is not None and decision.bucket >= BUCKETS // 10:
            yield key


def without_date(answer: bytes) -> set[bytes]:
    """What must be the same in both answers."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return {body, *(line for line in head.lower().split(b"\r\n") if not line.startswith(b"date:"))}


def _compared(what: str, ours: tuple[int, Load], floor: tuple[int, Load]) -> Iterator[Row]:
    """What a core of the registry answers in a second, and one of the floor, asked in turns."""
    rates: list[list[float]] = [[], []]
    walls: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for i, (pid, load) in enumerate((ours, floor)):
            used, begun = processor_seconds(pid), time.perf_counter()
            asked = load.run(REQUESTS)
            walls[i].append(asked / (time.perf_counter() - begun))
            rates[i].append(asked / (processor_seconds(pid) - used))
    (rate, spread), (least, _) = map(median, rates)
    on_clock = [median(wall)[0] for wall in walls]
    note = f"on the clock {on_clock[0]:.0f}/s and {on_clock[1]:.0f}/s, this process's own work in it"
    yield Row(what, rate, "/s a core", spread, least, ">= 0.90 x", note, quotient=quotient(*rates))
