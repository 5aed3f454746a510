"""The world of the state machine: two registries, a client of each, and what a person may do to them."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count, product
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3
from faults.ledger import Ask, Ledger
from faults.pair import Pair
from faults.proxy import PASS, SHUT, Proxy
from support import PATIENCE, STATES, Answer, PromptRepository, prompt, until

from promptstage import Client
from promptstage.model import parse_release

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

PROMPTS = ("summarize", "support/triage")
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
DONE = {200, 202}  # carried out, or asked for
FINAL = {404, 409, 412, 422}  # answers that say that nothing was changed
LOOK_SECONDS = 0.005


class Person(NamedTuple):
    """A release manager: the id of the token, and its secret."""

    id: str
    secret: str


@dataclass
class World:
    """Everything that outlives one story.

    Attributes:
        persons: two, of whom the first one asks and the second one approves.
        slowest: seconds that it took, at most, until all agreed after everything was well again.
        steps: how many of all stories were taken.
        counts: how often what was done.
    """

    pair: Pair
    ledger: Ledger
    folder: Path
    ways: list[Proxy]
    persons: tuple[Person, ...]
    slowest: float = 0.0
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    numbers: count[int] = field(default_factory=count)
    environments: count[int] = field(default_factory=count)

    @classmethod
    def make(cls, stack: ExitStack, folder: Path, stories: int) -> World:
        """Start it; each story has an environment of its own in it."""
        author = PromptRepository(folder / "prompts")
        ledger = Ledger()
        for name, version in product(PROMPTS, VERSIONS):
            text = _text(name, version, 0)
            author.tag(name, version, text)
            ledger.texts[name, version] = {_digest(text)}
        names = [name(number) for number in range(stories) for name in (story, guarded)]
        environments = ",".join(names)
        rules = folder / "rules.toml"
        rules.write_text(
            "".join(f"[environments.{guarded(number)}]\napproval = true\n" for number in range(stories))
        )
        pair = Pair(stack, folder, author, environments=environments, config=str(rules))
        ways = [stack.enter_context(Proxy(pair.port(number))) for number in range(2)]
        api = pair.api(0)
        admin = Person(api.get("/v1/tokens").json["data"][0]["id"], api.token)
        made = api.call("POST", "/v1/tokens", {"name": "grace", "role": "releaser"}).json
        return cls(pair, ledger, folder, ways, (admin, Person(made["id"], made["secret"])))

    # The author

    def tag(self, name: str, version: str) -> None:
        """Tag a text that never was; a tag that is there is moved."""
        text = _text(name, version, next(self.numbers))
        self.ledger.texts.setdefault((name, version), set()).add(_digest(text))
        self.delete_tag(name, version)
        self.pair.author.tag(name, version, text)

    def delete_tag(self, name: str, version: str) -> None:
        """Delete a tag, if it is there."""
        if self.pair.author.git("tag", "--list", f"{name}/v{version}"):
            self.pair.author.git("tag", "--delete", f"{name}/v{version}")

    # The release manager

    def ask(self, number: int, ask: Ask, *, again: bool = False) -> Answer | None:
        """Send a request, and note what became of it; None: there is no answer."""
        after = None if again else self.ledger.newest
        self.ledger.leave(ask)
        try:
            answer = self.pair.api(number).act(
                ask.op, ask.prompt, ask.body, ask.environment, **self._headers(ask)
            )
        except urllib3.exceptions.HTTPError:
            return None
        if answer.status in DONE:
            self.ledger.acknowledge(ask, answer.json["seq"], after)
            self.counts[ask.op] += not again
        elif answer.status in FINAL:
            self.ledger.refuse(ask)
        else:
            raise AssertionError(f"{ask}: {answer.status} {answer.text}")
        return answer

    def _headers(self, ask: Ask) -> dict[str, str]:
        secret = next(person.secret for person in self.persons if person.id == ask.token)
        return ask.headers | {"Authorization": f"Bearer {secret}"}

    def settle(self, number: int) -> None:
        """Repeat what had no answer."""
        for ask in tuple(self.ledger.open.values()):
            self.ask(number, ask, again=True)

    # What a registry shows

    def look(self, number: int, environment: str, name: str) -> None:
        """Read a release, if there is one, and note it."""
        answer = self.pair.api(number).get(f"/v1/environments/{environment}/releases/{name}")
        if answer.status == 404:
            return
        assert answer.status == 200, answer.text
        release = parse_release(answer.json)
        assert (release.environment, release.prompt) == (environment, name)
        self.ledger.see(release)

    def agreed(self, environment: str) -> None:
        """Wait until both registries and Redis show the same."""
        begun = time.monotonic()
        until(lambda: self.pair.states(environment) is not None, "both registries and Redis to agree")
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def remember_redis(self) -> dict[str, str]:
        """A dump of what Redis holds now."""
        with self.pair.redis() as client:
            return dict(client.hgetall(STATES))

    def set_redis(self, dump: dict[str, str]) -> None:
        """Put a dump there in the place of all that is there."""
        with self.pair.redis() as client:
            client.delete(STATES)
            if dump:
                client.hset(STATES, mapping=dump)


def story(number: int) -> str:
    """The environment of a story."""
    return f"story-{number}"


def guarded(number: int) -> str:
    """The environment of a story in which a second person must approve."""
    return f"guarded-{number}"


class App:
    """An app of one registry, which may be started again, forked, or cut off."""

    def __init__(self, world: World, number: int, environment: str) -> None:
        self._world = world
        self._number = number
        self._environment = environment
        self._folder = world.folder / f"snapshots-{environment}-{number}"
        self._positions = dict.fromkeys(PROMPTS, (0, 0))
        self.client = self._open()

    def _open(self) -> Client:
        return Client(
            self._world.ways[self._number].url,
            token=self._world.pair.api(self._number).token,
            environment=self._environment,
            prompts=PROMPTS,
            snapshot_dir=self._folder,
        )

    def look(self) -> None:
        """See what it serves: true, and never older than what it served before."""
        for name in PROMPTS:
            held = self.client._held.get(name)
            if held is None or held.release is None:
                assert self._positions[name] == (0, 0), f"{name} was there, and is not any more"
                continue
            release = held.release
            assert release.position >= self._positions[name], f"{name} went back from {self._positions[name]}"
            self._positions[name] = release.position
            self._world.ledger.see(release)
            prompt_now = self.client.get(name, key="u1")
            assert prompt_now.document.texts[0].startswith(f"{name} {prompt_now.version} ")

    def restart(self) -> None:
        """End, and begin with what the snapshots hold."""
        self.client.close()
        self.client = self._open()
        self.look()

    def fork(self, *, reachable: bool) -> None:
        """Use it in a child, which must be live by itself where its registry can be reached."""
        told, telling = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.write(telling, self._wrong_in_child(reachable=reachable).encode())
            finally:  # whatever it is, the child must end
                os._exit(0)
        os.close(telling)
        with open(told, encoding="utf-8") as words:  # noqa: PTH123 - a descriptor
            wrong = words.read()
        assert os.waitpid(child, 0)[1] == 0
        assert not wrong, f"in the child of a fork: {wrong}"

    def _wrong_in_child(self, *, reachable: bool) -> str:
        """What is wrong there, if anything is."""
        for name, holding in dict(self.client._held).items():
            text = self.client.get(name, key="u1").document.texts[0]
            if holding.release.position < self._positions[name] or not text.startswith(f"{name} "):
                return f"{name} is {text} at {holding.release.position}, after {self._positions[name]}"
        deadline = time.monotonic() + PATIENCE
        while reachable and self.client.status()["stream"]["state"] != "connected":
            if time.monotonic() > deadline:
                return json.dumps(self.client.status())
            time.sleep(LOOK_SECONDS)
        return ""

    def cut(self) -> None:
        """Cut it off from its registry."""
        self._world.ways[self._number].set(SHUT)
        self._world.ways[self._number].cut()

    def heal(self) -> None:
        """Undo that."""
        self._world.ways[self._number].set(PASS)

    def follows(self, states: list[Any]) -> bool:
        """Whether it has what is in force."""
        wanted = {state["prompt"]: (state["epoch"], state["seq"]) for state in states if state["stable"]}
        self.look()
        return all(self._positions[name] >= position for name, position in wanted.items())


def at_once(*works: Any) -> None:
    """Carry works out at the same time."""
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def _text(name: str, version: str, edition: int) -> str:
    return prompt(f"{name} {version} {edition}: {{{{text}}}}")


def _digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"
