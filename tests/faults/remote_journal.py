"""Three registries, each with a data folder of its own, over one Valkey and one journal elsewhere.

Two reach the journal by its path, the third one over http through a proxy, where its line can fail. Every
change is asked for with a key, and again until there is an answer, of whichever registry lives.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from itertools import count
from operator import itemgetter
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import urllib3
from faults.proxy import BLACK_HOLE, PASS, SHUT, Fault, Proxy
from faults.quick import QuickRegistry
from faults.scenario import Result, at_least
from faults.writers import MEMORY
from git_hosts import http_host
from replication.servers import Server
from support import PATIENCE, PromptRepository, Registry, until

from registry.journal.maintenance.verify import verify
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Answer

VERSIONS = ("1.0.0", "1.1.0", "1.2.0")  # in turn, so that each promote changes something
ENVIRONMENTS = ("one", "two", "three")  # each has its changes from one registry, if that lives
POINTS = (failpoints.DECIDED, *failpoints.SHARING, failpoints.ADOPTED)
FAR = 2  # the registry whose line can fail
PASSWORD = "me:secret"


class Three:
    """The registries, the journal that they share, and what was acknowledged."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._folder = folder
        self._author = PromptRepository(folder / "prompts")
        for version in VERSIONS:
            self._author.tag("summarize", version)
        self.journal = folder / "hosted/journal.git"
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", self.journal], check=True
        )
        self.git("config", "http.receivepack", "true")
        self.valkey = Server(stack, folder / "valkey")
        host = stack.enter_context(http_host(folder / "hosted", PASSWORD))
        self.line = stack.enter_context(Proxy(host.server_port))
        (folder / "git-token").write_text(PASSWORD)
        self.acknowledged: dict[str, int] = {}
        self._keys = [count() for _ in ENVIRONMENTS]
        self.registries: list[Registry] = []
        for number in range(3):
            self.registries.append(self._start(number))
            self.token = self.registries[0].api.token
        stack.callback(self._end)

    def _end(self) -> None:
        for registry in self.registries:
            registry.kill()

    def _start(self, number: int, port: int = 0) -> Registry:
        data = self._folder / f"data-{number}"
        if number and not data.exists():
            data.mkdir()
            (data / "admin.token").write_text(self.token)
        return QuickRegistry(
            self._author.path,
            data,
            port=port,
            journal=f"{self.line.url}/journal.git" if number == FAR else str(self.journal),
            git_token_file=str(self._folder / "git-token"),
            redis_url=f"redis://127.0.0.1:{self.valkey.port}",
            failpoints=str(self._folder / f"failpoint-{number}"),
            environments=",".join(ENVIRONMENTS),
        )

    def git(self, *args: str) -> str:
        """What an operator's git says of the journal."""
        command = ["git", f"--git-dir={self.journal}", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    # What is done to them

    def arm(self, number: int, point: str) -> None:
        """Let one die where it passes a failpoint."""
        armed = self._folder / f"failpoint-{number}"
        armed.with_suffix(".new").write_text(point)
        armed.with_suffix(".new").replace(armed)

    def restart(self, number: int) -> None:
        """Start one that is dead, at its address."""
        self.registries[number].process.wait(PATIENCE)
        self.registries[number] = self._start(number, self.registries[number].port)

    # What is asked of them

    def promote(self, number: int, key: str) -> Answer:
        """Ask one of them, with a key; what it acknowledges is noted."""
        environment, turn = key.split("-")
        body = {"version": VERSIONS[int(turn) % 3], "reason": key}
        answer = self.registries[number].api.act(
            "promote", "summarize", body, environment, Idempotency_Key=key
        )
        if answer.status == 200:
            assert self.acknowledged.setdefault(key, answer.json["seq"]) == answer.json["seq"]
        return answer

    def key(self, number: int) -> str:
        """One that was not used, for the environment of a registry."""
        return f"{ENVIRONMENTS[number]}-{next(self._keys[number])}"

    def insist(self, number: int, key: str) -> None:
        """Ask, and ask the next one where there is no answer, or none yet, until it is settled."""
        deadline = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < deadline:
            with suppress(urllib3.exceptions.HTTPError):
                if self.promote(number, key).status == 200:
                    return
            number = (number + 1) % 3
        raise AssertionError(f"{key} was never settled")

    def seq(self, number: int) -> int:
        """The newest change that one shows."""
        api = self.registries[number].api
        return max(int(api.state("summarize", environment)["seq"]) for environment in ENVIRONMENTS)

    def agree(self) -> float:
        """Wait until all show the newest change; the seconds that it took."""
        begun = time.monotonic()
        newest = int(self.git("rev-list", "--count", "main")) - 1
        until(lambda: {self.seq(number) for number in range(3)} == {newest}, "all to agree")
        heads = [self._folder / f"data-{number}/journal.git/refs/heads/main" for number in range(3)]
        head = self.git("rev-parse", "main")
        until(lambda: {file.read_text().strip() for file in heads} == {head}, "all copies to be equal")
        return time.monotonic() - begun

    def missed(self) -> tuple[int, int]:
        """How many acknowledged changes are not where they were, or not once; and what is wrong besides."""
        self.agree()
        wrong, lost = 0, 0
        for number in range(3):
            history = self._history(number)
            made = Counter(change["reason"] for change in history)
            found = {change["reason"]: change["seq"] for change in history}
            lost += sum(found.get(key) != seq or made[key] != 1 for key, seq in self.acknowledged.items())
            wrong += [change["seq"] for change in history] != list(range(len(history), 0, -1))
            wrong += max(made.values(), default=1) > 1
        return lost, wrong

    def _history(self, number: int) -> list[Any]:
        """All changes that one shows, newest first."""
        changes = []
        for environment in ENVIRONMENTS:
            path = f"/v1/environments/{environment}/rollouts/summarize/history?limit=500"
            changes += self.registries[number].api.get(path).json["data"]
        return sorted(changes, key=itemgetter("seq"), reverse=True)


class Load:
    """Changes through all three, one after the other in each, while something happens."""

    def __init__(self, three: Three) -> None:
        self._three = three
        self._stopped = Event()
        self._failed: list[BaseException] = []
        self._threads = [Thread(target=self._run, args=(number,)) for number in range(3)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        assert not self._failed, self._failed

    def _run(self, number: int) -> None:
        try:
            while not self._stopped.is_set():
                self._three.insist(number, self._three.key(number))
        except BaseException as error:  # noqa: BLE001 - told where the block ends
            self._failed.append(error)


def prove(*, full: bool) -> Iterator[Result]:
    """Let all three write at once; kill, cut off, and turn back what can be."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, ExitStack() as stack:
        three = Three(stack, Path(folder))
        yield _at_once(three, *((6.0, 12) if full else (0.0, 6)))
        yield _killed(three, POINTS if full else failpoints.SHARING[1:])
        if full:
            yield _killed_anywhere(three, 3)
            yield _cut_again_and_again(three, 12)
        yield _cut_off(three, "nobody listens", SHUT)
        if full:
            yield _cut_off(three, "it hangs", BLACK_HOLE)
            yield _without_redis(three)
        yield _turned_back(three)
        problems = [problem for registry in three.registries for problem in verify(registry.data).problems]
        yield Result("every copy, verified", 3, wrong=len(problems), note="; ".join(problems[:2]))


def _result(three: Three, what: str, injected: int, note: str = "", *, wrong: int = 0) -> Result:
    lost, found = three.missed()
    return Result(what, injected, lost=lost, wrong=wrong + found, note=note)


def _at_once(three: Three, seconds: float, changes: int) -> Result:
    begun, before = time.monotonic(), len(three.acknowledged)
    with Load(three):
        time.sleep(seconds)
        until(lambda: len(three.acknowledged) >= before + changes, "changes")
    made = len(three.acknowledged) - before
    note = f"{made / (time.monotonic() - begun):.0f} changes a second"
    return at_least(_result(three, "changes through all three at once", made, note), changes)


def _killed(three: Three, points: tuple[str, ...]) -> Result:
    """Each step of a change; it is asked for again elsewhere, with the same key."""
    injected = 0
    for number, point in enumerate(points):
        victim = number % 3
        three.arm(victim, point)
        three.insist(victim, three.key(victim))
        injected += three.registries[victim].process.poll() is not None
        three.restart(victim)
    return at_least(_result(three, "killed within a change, asked again elsewhere", injected), len(points))


def _killed_anywhere(three: Three, kills: int) -> Result:
    chance = random.Random(5)
    with Load(three):
        for kill in range(kills):
            time.sleep(chance.uniform(0.1, 0.6))
            three.registries[kill % 3].kill()
            three.restart(kill % 3)
    return _result(three, "killed anywhere under load", kills)


def _cut_again_and_again(three: Three, cuts: int) -> Result:
    """The third one's pushes and looks end anywhere, also after the host took them."""
    chance, cut = random.Random(6), 0
    with Load(three):
        while cut < cuts:
            time.sleep(chance.uniform(0.02, 0.2))
            cut += three.line.cut()
    return _result(three, "its line to the journal cut under load", cut)


def _cut_off(three: Three, how: str, fault: Fault) -> Result:
    """It refuses, serves what the others change, and takes changes again by itself."""
    three.line.set(fault)
    three.line.cut()
    far = three.registries[FAR].api
    key = three.key(FAR)
    refusal = until(lambda: _refused(three, key), "a refusal")
    three.insist(0, three.key(0))
    newest, begun = three.seq(0), time.monotonic()
    until(lambda: three.seq(FAR) >= newest, "Redis to tell it")
    late = time.monotonic() - begun
    served = far.get("/v1/environments/three/resolve/summarize?key=u").status == 200
    three.line.set(PASS)
    begun = time.monotonic()
    until(lambda: three.promote(FAR, key).status == 200, "it to come back")
    note = f"others' changes seen after {late:.1f} s, back after {time.monotonic() - begun:.1f} s"
    wrong = (refusal != "journal_unreachable") + (not served)
    return _result(three, f"cut off from the journal: {how}", 1, note, wrong=wrong)


def _refused(three: Three, key: str) -> str | None:
    """The code of a refusal, if it is one."""
    with suppress(urllib3.exceptions.HTTPError):
        answer = three.promote(FAR, key)
        return answer.json["code"] if answer.status == 503 else None
    return None


def _without_redis(three: Three) -> Result:
    """They look at the journal themselves, and keep one order."""
    three.valkey.stop()
    for number in range(3):
        three.insist(number, three.key(number))
    late = three.agree()
    three.valkey.start()
    return _result(three, "Redis gone: they follow by looking", 1, f"all agreed after {late:.1f} s")


def _turned_back(three: Three) -> Result:
    """A stranger forces the branch back; nobody writes over it, until the newest copy is put back."""
    three.agree()
    newest = three.git("rev-parse", "main")
    three.git("update-ref", "refs/heads/main", f"{newest}~1")
    wrong = 0
    keys = [three.key(number) for number in range(3)]
    for number, key in enumerate(keys):
        answer = three.promote(number, key)
        wrong += (answer.status, answer.json.get("code")) != (503, "journal_behind")
        wrong += three.registries[number].api.get("/v1/environments/three/releases/summarize").status != 200
    data = three.registries[1].data
    command = ["git", f"--git-dir={data / 'journal.git'}", "push", "--quiet", str(three.journal), "main"]
    subprocess.run(command, check=True, capture_output=True)
    for number, key in enumerate(keys):
        three.insist(number, key)
    return _result(three, "the journal forced back by a stranger", 1, wrong=wrong)
