"""A peer's program as this side sees it: a process that does one of its works when it is told to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import ExitStack

TESTS = Path(__file__).parents[2]
ANSWER_SECONDS = 120  # the slowest needs 10 on a busy machine, to import and to set up
SURROUNDINGS = {
    "PATH": os.defpath,
    "HTTP_PROXY": "http://127.0.0.1:1",  # nobody is there: what a peer would tell its makers gets nowhere
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "NO_PROXY": "127.0.0.1,localhost",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""All that a program finds in its environment, besides a home: no peer is set up by what the user has."""


class Unusable(Exception):
    """A peer can't be measured; the message says why."""


class Program:
    """A process that has a peer, and its folder, which is its home, too.

    Attributes:
        works: what it can do: the kind and the note of each, by its name.
        problem: why it can't be measured; empty as long as it can.
        samples: the seconds of each work, turn by turn.
    """

    def __init__(self, name: str, python: Path, folder: Path, stack: ExitStack) -> None:
        self.works: dict[str, tuple[str, str]] = {}
        self.problem = ""
        self.samples: dict[str, list[float]] = {}
        folder.mkdir()
        self._log = folder.with_suffix(".log")
        self._process = subprocess.Popen(
            [python, "-m", f"bench.peer.{name}", folder],
            cwd=TESTS, env=SURROUNDINGS | {"HOME": str(folder)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stack.enter_context(self._log.open("w")),
        )  # fmt: skip
        stack.callback(self._process.communicate)  # closes the pipes, and waits
        stack.callback(self._process.kill)

    def get_ready(self) -> None:
        """Wait until it has set its peer up, and do everything once, to warm up."""
        try:
            self.works = self._answer()
            for name in self.works:
                self._ask(name)
        except Unusable as error:
            self.problem = str(error)

    def take_turn(self, kind: str) -> None:
        """Do the works of a kind, unless there was a problem."""
        for name, (its_kind, _) in self.works.items():
            if its_kind == kind and not self.problem:
                try:
                    self.samples.setdefault(name, []).append(self._ask(name)["seconds"])
                except Unusable as error:
                    self.problem = str(error)

    def _ask(self, name: str) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{name}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and so has what it says
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        late = Timer(ANSWER_SECONDS, self._process.kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        if not line:
            raise Unusable(f"its program ended by itself, or after {ANSWER_SECONDS} s: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise Unusable(answer["failed"])
        return answer

    def _last_words(self) -> str:
        return (self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
