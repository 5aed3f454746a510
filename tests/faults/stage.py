"""Where faults of a Redis are watched from: two registries and a client, under load without end."""

from __future__ import annotations

import json
import tempfile
import time
from bisect import bisect_right
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from operator import itemgetter
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import redis
from faults.scenario import Result
from support import PATIENCE, STATES, PromptRepository, Registry, until

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

READ = "/v1/environments/production/releases/summarize"
HISTORY = "/v1/environments/production/rollouts/summarize/history?limit=500"
VERSIONS = ("1.0.0", "1.1.0")
# The longest times that are promised, in seconds: that a Redis which takes writes lacks a change, that a
# client lacks one, that a read takes, that a `get` takes.
BOUNDS = {"Redis": 1.0, "client": 1.0, "read": 0.25, "get": 0.05}
SLACK = 10  # times as much time is allowed beside other tests
GETS_A_SECOND = 200  # fewer are no load
LOOK_SECONDS = 0.005
GET_SECONDS = 0.001  # between two gets
ANSWER_SECONDS = 0.1  # a Redis that says nothing for so long has nothing to say

# What the Redis holds that takes writes now, and which run of which server that is.
_LOOK = """
redis.call('SET', '{promptstage}:probe', 1)
local head = redis.pcall('HGET', KEYS[1], 'head')
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
return {server, type(head) == 'string' and head or ''}
"""

Position = tuple[int, int]


class Stage:
    """Two registries of one folder, and a client of the second.

    Attributes:
        ask: sends a command to the Redis that registries should use, whichever that is.
        acknowledged: the seq of every change that was answered.
    """

    def __init__(self, stack: ExitStack, url: str, ask: Callable[..., Any]) -> None:
        self.ask = ask
        self.acknowledged: list[int] = []
        self.versions = cycle(VERSIONS)
        self._url = url
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._author = PromptRepository(self._folder / "prompts")
        for version in VERSIONS:
            self._author.tag("summarize", version)
        with ThreadPoolExecutor() as pool:
            self.registries = list(pool.map(lambda _: self.start(stack), range(2)))
        begun = self.registries[0].api.act("promote", "summarize", {"version": next(self.versions)})
        assert begun.status == 200, begun.text
        other = self.registries[1]
        snapshots = self._folder / "snapshots"
        self.client = Client(other.url, token=other.api.token, prompts=["summarize"], snapshot_dir=snapshots)
        stack.callback(self.client.close)
        assert self.client.ready(PATIENCE), self.client.status()

    def start(self, stack: ExitStack, data: str = "data") -> Registry:
        """Start one more registry, of the same folder if no other is named."""
        registry = Registry(self._author.path, self._folder / data, redis_url=self._url)
        stack.callback(registry.kill)
        return registry

    @contextmanager
    def load(self) -> Iterator[Load]:
        """Change, read, get and look on until the block ends."""
        load = Load(self)
        loops = (load.change, load.get, load.watch_client, load.watch_redis)
        with ThreadPoolExecutor(len(loops)) as pool:
            running = [pool.submit(loop) for loop in loops]
            try:
                yield load
            finally:
                load.ended.set()
            for loop in running:
                loop.result()
        self.acknowledged += [position[1] for _, position in load.acknowledged]

    def under(self, what: str, act: Callable[[Load], str], *, full: bool) -> Result:
        """What comes of something that is done to the Redis under load.

        Args:
            what: that, in a few words.
            act: does it and undoes it; returns a note. Raises AssertionError if it could not be done.
            full: whether the bounds are strict.
        """
        with self.load() as load:
            load.go_on(1)
            before = len(load.acknowledged)
            try:
                note = act(load)
            except (AssertionError, redis.RedisError) as error:
                return Result(what, 0, void=str(error))
            changes = len(load.acknowledged) - before
            load.settle()
        load.wrong += not _comes(self.is_whole)
        return load.result(what, changes, note, full=full)

    def position(self) -> Position:
        """What the client holds."""
        held: Any = self.client.status()["prompts"]["summarize"]
        return held["epoch"], held["seq"]

    def is_whole(self) -> bool:
        """Whether Redis has what the journal has, and nothing else."""
        state = self.registries[0].api.state("summarize")
        held = self.ask("HGETALL", STATES)
        states = {place: json.loads(text) for place, text in held.items() if "/" in place}
        return held.get("head") == f"{state['epoch']}.{state['seq']}" and states == {
            "production/summarize": state
        }

    def kept(self) -> Result:
        """What became of all that was acknowledged."""
        reader = self.registries[-1].api  # which may be told of the last change in a moment only
        until(lambda: reader.state("summarize")["seq"] >= self.acknowledged[-1], "the last change")
        kept: list[int] = []
        cursor = ""
        while cursor is not None:
            page = reader.get(HISTORY + cursor).json
            kept += [change["seq"] for change in page["data"]]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        lost = len(set(self.acknowledged) - set(kept)) + len(kept) - len(set(kept))
        return Result("all of it, in the journal", len(self.acknowledged), lost=lost)


class Load:
    """What goes on while a fault lasts.

    Attributes:
        acknowledged: when each change was answered, and its position.
        wrong: how often something was refused, older than what was seen there before, or another text.
        longest: the longest time of each kind in `BOUNDS`, and of a change.
        ended: set when it is over.
    """

    def __init__(self, stage: Stage) -> None:
        self.acknowledged: list[tuple[float, Position]] = []
        self.wrong = 0
        self.longest: defaultdict[str, float] = defaultdict(float)
        self.ended = Event()
        self._stage = stage
        self._begun = time.monotonic()
        self._gets = 0
        self._whole_at = 0.0  # when a look at Redis found all that was acknowledged

    def change(self) -> None:
        """Promote through both registries in turn, and read from both after each change."""
        seen: defaultdict[str, Position] = defaultdict(lambda: (0, 0))
        for registry in cycle(self._stage.registries):
            if self.ended.wait(LOOK_SECONDS):
                return
            with self._timed("change"):
                answer = registry.api.act("promote", "summarize", {"version": next(self._stage.versions)})
            if answer.status == 200:
                seen[registry.url] = (answer.json["epoch"], answer.json["seq"])
                self.acknowledged.append((time.monotonic(), seen[registry.url]))
            self.wrong += answer.status != 200
            for reader in self._stage.registries:
                seen[reader.url] = self._read(reader, seen[reader.url])

    def _read(self, registry: Registry, seen: Position) -> Position:
        with self._timed("read"):
            answer = registry.api.get(READ)
        if answer.status != 200:
            self.wrong += 1
            return seen
        found = (answer.json["epoch"], answer.json["seq"])
        self.wrong += found < seen
        return max(found, seen)

    def get(self) -> None:
        """Ask the client, again and again."""
        while not self.ended.wait(GET_SECONDS):
            with self._timed("get"):
                prompt = self._stage.client.get("summarize", key="somebody")
            self._gets += 1
            self.wrong += prompt.text(text="?") != f"summarize {prompt.version}: ?"

    def watch_client(self) -> None:
        """Look at the client's position: it must go forward, and soon."""
        seen = (0, 0)
        while not self.ended.wait(LOOK_SECONDS):
            now = time.monotonic()
            position = self._stage.position()
            self.wrong += position < seen
            seen = max(position, seen)
            self._note("client", self._lacking(position, now))

    def watch_redis(self) -> None:
        """Look at the Redis that takes writes: what it lacks must be there soon."""
        server, since, last = "", 0.0, (0, 0)
        while not self.ended.wait(LOOK_SECONDS):
            now = time.monotonic()
            try:
                found, head = self._stage.ask("EVAL", _LOOK, 1, STATES, seconds=ANSWER_SECONDS)
            except (redis.RedisError, OSError):
                server = ""
                continue
            position = _position(head)
            if found != server or position < last:  # another one, or another content: it had no time yet
                server, since = found, now
            last, lacking = position, self._lacking(position, now)
            self._note("Redis", min(lacking, now - since))
            self._whole_at = self._whole_at if lacking else now

    def _lacking(self, position: Position, now: float) -> float:
        """How long there has been an acknowledged change behind a position."""
        first = bisect_right(self.acknowledged, position, key=itemgetter(1))
        return now - self.acknowledged[first][0] if first < len(self.acknowledged) else 0.0

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._note(what, time.monotonic() - begun)

    def _note(self, what: str, seconds: float) -> None:
        self.longest[what] = max(self.longest[what], seconds)

    def go_on(self, changes: int) -> None:
        """Wait until there were so many more changes."""
        enough = len(self.acknowledged) + changes
        until(lambda: len(self.acknowledged) >= enough, f"{changes} changes")

    def settle(self) -> None:
        """Wait until Redis has all that was acknowledged; it is wrong if it never has."""
        begun = time.monotonic()
        self.wrong += not _comes(lambda: self._whole_at > begun)

    def result(self, what: str, changes: int, note: str, *, full: bool) -> Result:
        """What came of it, when it has ended; `changes` were made while the fault lasted."""
        slack = 1 if full else SLACK
        late = [kind for kind, bound in BOUNDS.items() if self.longest[kind] > bound * slack]
        times = ", ".join(f"{kind} {self.longest[kind] * 1000:.0f}" for kind in (*BOUNDS, "change"))
        rate = self._gets / (time.monotonic() - self._begun)
        return Result(
            what,
            changes,
            wrong=self.wrong,
            stale=len(late),
            note="; ".join(part for part in (f"ms: {times}", note) if part),
            void="" if rate * slack >= GETS_A_SECOND else f"only {rate:.0f} gets a second",
        )


def _comes(look: Callable[[], bool]) -> bool:
    """Whether something comes true, however late."""
    try:
        return until(look, "it")
    except AssertionError:
        return False


def _position(head: str) -> Position:
    epoch, _, seq = head.partition(".")
    return (int(epoch), int(seq)) if seq else (0, 0)
