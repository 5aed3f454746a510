"""A real registry, clients that call `get` all the time, and somebody who promotes all the time."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from hashlib import sha256
from itertools import cycle
from threading import Event, Thread
from typing import TYPE_CHECKING, NamedTuple

import urllib3
from faults.caller import GETS_A_SECOND, NAME, Caller
from faults.scenario import Result
from support import Api, PromptRepository, Registry, prompt, until

from promptstage import Client, limits
from registry.journal.position import is_newer
from registry.rollouts.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from promptstage import Prompt

VERSIONS = tuple(f"1.{number}.0" for number in range(5))
CLIENTS = 3
BURST = 100  # gets in a row, so that registry and clients have the machine too
PROMOTE_EVERY = 0.1  # seconds
LOOK_EVERY = 0.01
PAGE = 500  # changes


class Promoted(NamedTuple):
    """A promote that was acknowledged, and when (monotonic)."""

    at: float
    position: Position


def text_of(version: str) -> str:
    """The file of a version."""
    return prompt(f"{NAME} {version}: {{{{text}}}}")


DIGESTS = {version: f"sha256:{sha256(text_of(version).encode()).hexdigest()}" for version in VERSIONS}


def is_true(served: Prompt) -> bool:
    """Whether a version has the bytes that its author wrote."""
    text = served.document.texts[0]
    return DIGESTS.get(served.version) == served.digest and text.startswith(f"{NAME} {served.version}:")


class Service:
    """A registry process of its own, which can be ended and started again where it was."""

    def __init__(self, folder: Path, redis_url: str = "") -> None:
        self.folder = folder
        self.redis_url = redis_url
        self.author = PromptRepository(folder / "prompts")
        for version in VERSIONS:
            self.author.tag(NAME, version, text_of(version))
        self.registry = Registry(self.author.path, folder / "data", redis_url=redis_url)
        self.port, self.token = self.registry.port, self.registry.api.token
        self.promote()

    @property
    def api(self) -> Api:
        """Asks it."""
        return self.registry.api

    def start(self) -> None:
        """Start it again."""
        self.registry.api.close()
        self.registry = Registry(
            self.author.path, self.folder / "data", port=self.port, redis_url=self.redis_url
        )

    def promote(self) -> Position:
        """Put another version in force; where."""
        return until(self._promote_another, "a promote")

    def _promote_another(self) -> Position | None:
        stable = self.api.state(NAME)["stable"]
        other = VERSIONS[VERSIONS.index(stable["version"]) - 1] if stable else VERSIONS[0]
        answer = self.api.act("promote", NAME, {"version": other})  # somebody else may be faster
        return Position(answer.json["epoch"], answer.json["seq"]) if answer.status == 200 else None

    def history(self) -> dict[Position, str]:
        """The version that each change put in force for all, by its position."""
        epoch, cursor = self.api.state(NAME)["epoch"], ""
        found: dict[Position, str] = {}
        while True:
            path = f"/v1/environments/production/rollouts/{NAME}/history?limit={PAGE}{cursor}"
            page = self.api.get(path).json
            found |= {(epoch, change["seq"]): change["to"] for change in page["data"]}
            if not page["next_cursor"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def close(self) -> None:
        """End it."""
        self.registry.api.close()
        self.registry.kill()


class Promoter:
    """Promotes one version after the other, from a thread, and notes what was acknowledged.

    Attributes:
        every: the seconds between two.
    """

    def __init__(self, service: Service) -> None:
        self.every = PROMOTE_EVERY
        self.acknowledged: list[Promoted] = []
        self._url, self._token = service.registry.url, service.token
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make an end."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(Api(self._url, self._token)) as api:
            for version in cycle(VERSIONS):
                if self._over.wait(self.every):
                    return
                with suppress(urllib3.exceptions.HTTPError):  # it is down, which is what this is for
                    answer = api.act("promote", NAME, {"version": version})
                    if answer.status == 200:
                        position = Position(answer.json["epoch"], answer.json["seq"])
                        self.acknowledged.append(Promoted(time.monotonic(), position))


class Crowd:
    """Clients, each with its own way to the service, those who call them, and who promotes."""

    def __init__(self, service: Service, urls: Iterable[str], pace: float = 1.0) -> None:
        self.service = service
        self.clients = [
            Client(
                url,
                token=service.token,
                prompts=[NAME],
                timeout=limits.FETCH_TIMEOUT * pace,
                snapshot_dir=service.folder / f"snapshots-{number}",
            )
            for number, url in enumerate(urls)
        ]
        for client in self.clients:
            assert client.ready(limits.SILENCE + limits.BACK_OFF_CAP), client.status()
        self.callers = [Caller(client, is_true, BURST) for client in self.clients]
        self.promoter = Promoter(service)

    def close(self) -> None:
        """End all but the service."""
        self.promoter.stop()
        for caller in self.callers:
            caller.stop()
        for client in self.clients:
            client.close()

    def late(self, bound: float) -> int:
        """How many clients have not come to what is promoted next when the bound is over."""
        deadline, before = time.monotonic() + bound, len(self.promoter.acknowledged)
        while late := self._behind(before):
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_EVERY)
        return late

    def _behind(self, index: int) -> int:
        """How many clients have not come to a promote; all, if it is still to be made."""
        if index >= len(self.promoter.acknowledged):
            return len(self.callers)
        wanted = self.promoter.acknowledged[index].position
        return sum(is_newer(wanted, caller.position) for caller in self.callers)

    def stalest(self, begin: float, end: float) -> float:
        """The longest that any client took to a promote that was acknowledged between two times."""
        promotes = [promoted for promoted in self.promoter.acknowledged if begin <= promoted.at <= end]
        return max((_took(caller, promotes) for caller in self.callers), default=0.0)

    def connected(self, bound: float) -> bool:
        """Whether all clients have a stream, or come to one within a bound."""
        deadline = time.monotonic() + bound
        while not (there := all(map(_has_stream, self.clients))) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
        return there

    def verdict(self) -> Result:
        """Whether each client had at each position the version that was put in force there."""
        acknowledged = tuple(self.promoter.acknowledged)
        shown = [
            (position, version)
            for caller in self.callers
            for position, (_, version) in tuple(caller.reached.items())
        ]
        history = self.service.history()  # after all of that
        return Result(
            "the version of a position is the journal's",
            len(shown),
            lost=sum(promoted.position not in history for promoted in acknowledged),
            wrong=sum(history.get(position) != version for position, version in shown),
            note=f"{sum(caller.gets for caller in self.callers)} gets in all",
        )


def _has_stream(client: Client) -> bool:
    return client.status()["stream"]["state"] == "connected"


def _took(caller: Caller, promotes: list[Promoted]) -> float:
    """Seconds of the promote that it took longest to come to, or past."""
    reached = sorted((at, position) for position, (at, _) in tuple(caller.reached.items()))
    worst, index = 0.0, 0
    for promoted in promotes:
        while index < len(reached) and is_newer(promoted.position, reached[index][1]):
            index += 1
        at = reached[index][0] if index < len(reached) else time.monotonic()
        worst = max(worst, at - promoted.at)
    return worst


class Trial:
    """One fault, from the moment before it."""

    def __init__(self, crowd: Crowd, what: str) -> None:
        self.begun = time.monotonic()
        self._crowd = crowd
        self._what = what
        self._gets, self._wrong, self._promotes = self._counts()

    def result(self, injected: int, *, stale: int = 0, wrong: int = 0, note: str = "") -> Result:
        """What came of it; void if `get` was hardly called, or nothing promoted."""
        gets, bad, promotes = self._counts()
        rate = (gets - self._gets) / (time.monotonic() - self.begun)
        few = f"{rate:.0f} gets a second only" if rate < GETS_A_SECOND else ""
        return Result(
            self._what,
            injected,
            wrong=bad - self._wrong + wrong,
            stale=stale,
            note=f"{gets - self._gets} gets, {promotes - self._promotes} promotes, {note}",
            void=few or ("nothing was promoted" if promotes == self._promotes else ""),
        )

    def _counts(self) -> tuple[int, int, int]:
        callers = self._crowd.callers
        return (
            sum(caller.gets for caller in callers),
            sum(caller.errors + caller.wrong for caller in callers),
            len(self._crowd.promoter.acknowledged),
        )
