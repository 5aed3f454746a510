"""Two registries of one data folder over one Valkey, to be killed, stopped and cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import redis
from faults.proxy import PASS, SHUT, Proxy
from faults.quick import QuickRegistry
from replication.servers import Server
from support import STATES

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from support import Api, PromptRepository, Registry

BRANCH = "journal.git/refs/heads/main"


class Pair:
    """The registries 0 and 1, each with a way of its own to Redis, and a failpoint of its own.

    Attributes:
        author: the prompt repository.
        data: the folder that both serve.
        up: those that run, and are not stopped.
    """

    def __init__(self, stack: ExitStack, folder: Path, author: PromptRepository, **settings: Any) -> None:
        self.author = author
        self.data = folder / "data"
        self.up: set[int] = set()
        self._armed = [folder / f"failpoint-{number}" for number in range(2)]
        self._settings = settings
        self._valkey = Server(stack, folder / "valkey")
        self._links = [stack.enter_context(Proxy(self._valkey.port)) for _ in range(2)]
        self._registries: list[Registry] = []
        for number in range(2):
            self._registries.append(self._start(number, 0))
            self.up.add(number)
        stack.callback(self._end)

    def _start(self, number: int, port: int) -> Registry:
        return QuickRegistry(
            self.author.path,
            self.data,
            port=port,
            redis_url=f"redis://127.0.0.1:{self._links[number].port}",
            failpoints=str(self._armed[number]),
            **self._settings,
        )

    def _end(self) -> None:
        for registry in self._registries:
            registry.kill()

    def api(self, number: int) -> Api:
        """How to ask one of them."""
        return self._registries[number].api

    def port(self, number: int) -> int:
        """Where one listens, also after it was started again."""
        return self._registries[number].port

    # Ends, stops, and what undoes them

    def arm(self, number: int, failpoint: str) -> None:
        """Let one die where it passes a failpoint the next time."""
        unfinished = self._armed[number].with_suffix(".new")
        unfinished.write_text(failpoint)
        unfinished.replace(self._armed[number])

    def died(self, number: int) -> bool:
        """Whether it passed the failpoint, and is gone; it is disarmed if not."""
        try:
            self._armed[number].unlink()
        except FileNotFoundError:
            self._registries[number].process.wait()
            self.up.discard(number)
            return True
        return False

    def kill(self, number: int) -> None:
        """End one at once."""
        self._registries[number].kill()
        self.up.discard(number)

    def restart(self, number: int) -> None:
        """Start one that is dead, at the same address."""
        registry = self._registries[number]
        registry.api.close()
        self._registries[number] = self._start(number, registry.port)
        self.up.add(number)

    def stop(self, number: int) -> None:
        """Let one stand still."""
        self._registries[number].process.send_signal(signal.SIGSTOP)
        self.up.discard(number)

    def go_on(self, number: int) -> None:
        """Let it move again."""
        self._registries[number].process.send_signal(signal.SIGCONT)
        self.up.add(number)

    def is_running(self, number: int) -> bool:
        """Whether it has not ended, stopped or not."""
        return self._registries[number].process.poll() is None

    def part(self, number: int) -> None:
        """Cut one off from Redis."""
        self._links[number].set(SHUT)
        self._links[number].cut()

    def join(self, number: int) -> None:
        """Undo that."""
        self._links[number].set(PASS)

    # Redis, and the journal's branch

    def redis(self) -> redis.Redis:
        """A connection to what both share, past the links."""
        return redis.Redis(port=self._valkey.port, decode_responses=True)

    def head(self) -> str:
        """The commit that the journal's branch is at."""
        return (self.data / BRANCH).read_text().strip()

    def ancestor(self, generations: int) -> str | None:
        """The commit so many changes before the head; None if there are not so many."""
        command = ["git", "-C", str(self.data / "journal.git"), "rev-parse", "--quiet", "--verify"]
        done = subprocess.run([*command, f"main~{generations}"], capture_output=True, check=False)
        return done.stdout.decode().strip() or None

    def set_head(self, commit: str) -> None:
        """Move the branch there, as somebody who puts an old copy back."""
        unfinished = self.data / f"{BRANCH}.new"
        unfinished.write_text(f"{commit}\n")
        os.replace(unfinished, self.data / BRANCH)  # noqa: PTH105 - a git that reads it must see one or the other

    def states(self, environment: str) -> list[Any] | None:
        """What both registries and Redis show of an environment; None as long as they differ."""
        path = f"/v1/environments/{environment}/rollouts"
        first, second = (self.api(number).get(path).json["data"] for number in range(2))
        fields = [f"{environment}/{state['prompt']}" for state in first]
        with self.redis() as client:
            there = [json.loads(value or "null") for value in client.hmget(STATES, fields)] if fields else []
        return first if first == second == there else None
