"""The disk under a registry is full, read-only, or fails: it says so, serves on, and needs no restart."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faults import traced
from faults.disk import NOT_MOUNTED, full_but, mount, mounted, read_only
from faults.scenario import Result, at_least
from support import PromptRepository, Registry, until

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

SIZE = "32m"
PROMPT = "summarize"
PLACE = "/v1/environments/production"
READS = (f"{PLACE}/releases/{PROMPT}", f"{PLACE}/rollouts", f"{PLACE}/resolve/{PROMPT}?key=u", "/v1/prompts")
FULL = range(0, 12, 2)  # pages that are left: fewer than a change needs
ROUNDS = 4  # of what is not full
CODE = "journal_unwritable"


class Stage:
    """A registry with its data folder on a disk of its own, and a client.

    Attributes:
        answers: how changes were answered under a fault.
        problems: what was not as it must be.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.author = PromptRepository(folder / "prompts")
        self.author.tag(PROMPT, "1.0.0")
        self.data = folder / "data"
        self.registry = Registry(self.author.path, self.data)
        stack.callback(self.end)
        self.numbers = count(1)
        self.stable = self.tag()
        assert self.promote(self.stable).status == 200
        self.client = Client(
            self.registry.url,
            token=self.registry.api.token,
            prompts=[PROMPT],
            snapshot_dir=folder / "snapshots",
        )
        stack.callback(self.client.close)
        assert self.client.ready(10)
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []

    def end(self) -> None:
        """End whichever registry runs."""
        self.registry.kill()

    def tag(self) -> str:
        """Tag the next version, which the registry may not be able to fetch."""
        version = f"1.{next(self.numbers)}.0"
        self.author.tag(PROMPT, version)
        return version

    def promote(self, version: str) -> Any:
        """Ask for a version; again and again it is one request."""
        return self.registry.api.act("promote", PROMPT, {"version": version}, Idempotency_Key=version)

    def create_token(self, name: str) -> Any:
        """Ask for a token."""
        return self.registry.api.call("POST", "/v1/tokens", {"name": name, "role": "reader"})

    def expect(self, true: object, what: str) -> None:
        """Note it, if it is not so."""
        if not true:
            self.problems.append(what)

    def head(self) -> str:
        """Which commit is the newest."""
        return (self.data / "journal.git/refs/heads/main").read_text()

    def suffer(self, fault: AbstractContextManager[object], *, restart: bool = False) -> None:
        """Change, read and fetch under a fault; then again without it."""
        known, before = self.tag(), self.head()
        until(lambda: self.registry.api.get(f"/v1/prompts/{PROMPT}/versions/{known}").status == 200, known)
        with fault:
            if restart:
                self.restart()
            asked = self.promote(known), self.create_token(f"app-{known}")
            for answer in asked:
                told = answer.json.get("code", "accepted")
                self.answers[f"{answer.status} {told}"] += 1
                if answer.status >= 400:
                    self.expect((answer.status, told) == (503, CODE), f"{answer.status}: {answer.text}")
                    self.expect(answer.headers["Retry-After"], "no word about when to come again")
            sure = all(answer.status >= 400 and "Idempotency-Key" not in answer.text for answer in asked)
            self.expect(not sure or self.head() == before, "it was refused, and the head moved")
            new = self.tag()
            found = self.registry.api.get(f"/v1/prompts/{PROMPT}/versions/{new}")
            self.expect(found.status in {200, 404, 503}, f"a new tag: {found.status} {found.text}")
            for path in READS:
                answer = self.registry.api.get(path)
                self.expect(answer.status == 200, f"{path}: {answer.status} {answer.text}")
            served = self.client.get(PROMPT, key="u").version
            self.expect(served in {self.stable, known}, f"get: {served}, not {self.stable}")
        answer = until(lambda: self._once_more(known), "changes to be taken again")
        self.stable = known
        self.expect(answer.json["state"]["stable"]["version"] == known, "another version is stable")
        if asked[1].status >= 400:
            self.expect(self.create_token(f"app-{known}").status == 201, "no token is made")
        until(lambda: self.registry.api.get(f"/v1/prompts/{PROMPT}/versions/{new}").status == 200, new)
        until(lambda: self.client.get(PROMPT, key="u").version == known, "the client to follow")

    def _once_more(self, version: str) -> Any:
        answer = self.promote(version)
        return answer if answer.status == 200 else None

    def restart(self) -> None:
        """Start it on the disk as that is now."""
        self.registry.kill()
        self.registry.api.close()
        self.registry = Registry(self.author.path, self.data, port=self.registry.port)

    def result(self, what: str, times: int) -> Result:
        """What came of it; every change that was answered is there once."""
        history = self.registry.api.get(f"{PLACE}/rollouts/{PROMPT}/history?limit=500").json["data"]
        versions = [change["to"] for change in history]
        lost = len(versions) - len(set(versions)) + (versions[0] != self.stable)
        refused = sum(times for answer, times in self.answers.items() if answer.startswith("5"))
        note = "; ".join(
            [*(f"{answer} {times}" for answer, times in self.answers.items()), *self.problems[:3]]
        )
        found = Result(what, refused, lost=lost, wrong=len(self.problems), note=note)
        self.answers.clear()
        self.problems.clear()
        return at_least(found, times)


def prove(*, full: bool) -> Iterator[Result]:
    """Take the space, then the right to write, then let fsync fail."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data = folder / "data"
        data.mkdir()
        root = mount(data, f"size={SIZE}")
        if root:
            stack.enter_context(mounted(data))
        stage = Stage(stack, folder)
        if root:
            yield from _small_disk(stage, full=full)
        else:
            yield Result("a registry's disk is full or read-only", 0, void=NOT_MOUNTED)
        if traced.possible():
            rounds = ROUNDS if full else 1
            for _ in range(rounds):
                stage.suffer(_no_sync(stage.registry, folder))
            yield stage.result("a registry's fsync fails", rounds)
        else:
            yield Result("a registry's fsync fails", 0, void=traced.NOT_POSSIBLE)


def _small_disk(stage: Stage, *, full: bool) -> Iterator[Result]:
    spaces = FULL if full else FULL[:1]
    for left in spaces:
        stage.suffer(full_but(stage.data, left))
    yield stage.result("a registry's disk is full", len(spaces))
    for _ in range(ROUNDS if full else 1):
        stage.suffer(read_only(stage.data))
    yield stage.result("a registry's disk is read-only", 1)
    if full:
        stage.suffer(full_but(stage.data, 0), restart=True)
        yield stage.result("a registry starts on a full disk", 1)


@contextmanager
def _no_sync(registry: Registry, folder: Path) -> Iterator[None]:
    """Fail every sync of a registry, and of each git that works for it."""
    options = ("-f", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
    with traced.traced(registry.process.pid, folder / "strace.log", *options):
        yield
