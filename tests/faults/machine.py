"""The rules of the stories that hypothesis tells of two registries, their apps, and what befalls them."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import Any, ClassVar

from faults import world
from faults.ledger import Ask
from faults.world import DONE, PROMPTS, VERSIONS, App, World, at_once
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support import until

from registry.system import failpoints

STEPS_OF_A_STORY = 50
ALONE = 3  # steps that one registry is without the other
STEPS = [{"percent": 1}, {"percent": 10.5, "hold": "1d"}, {"percent": 50}]

registries = st.integers(0, 1)
names = st.sampled_from(PROMPTS)
choices = st.integers(0, 5)
ops = st.sampled_from(("promote", "start", "rollback"))
points = st.sampled_from(failpoints.CHANGE)


def _some_up(machine: Story) -> bool:
    return machine.writable()


def _both_up(machine: Story) -> bool:
    return machine.writable() and len(machine.world.pair.up) == 2


class Story(RuleBasedStateMachine):
    """One story, in an environment of its own."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.world.environments)
        self.environment = ""
        self.guarded = False
        self.apps: list[App] = []
        self.versions = {name: list(VERSIONS) for name in PROMPTS}
        self.stopped: int | None = None
        self.in_flight: Thread | None = None
        self.dump = self.world.remember_redis()
        self.cut_off: set[int] = set()
        self.alone = 0

    @initialize(begun=st.booleans(), guarded=st.sampled_from((False, False, True)))
    def begin(self, begun: bool, guarded: bool) -> None:
        """Something is in force already, or nothing yet; one person is enough, or two must agree."""
        self.guarded = guarded
        self.environment = (world.guarded if guarded else world.story)(self.number)
        self.apps = [App(self.world, number, self.environment) for number in range(2)]
        for name in PROMPTS if begun else ():
            self.act(0, "promote", name, {"version": VERSIONS[0]})

    # What changes something

    @precondition(_some_up)
    @rule(number=registries, name=names, choice=choices)
    def promote(self, number: int, name: str, choice: int) -> None:
        """Put a version in force, or complete what is under way."""
        version = None if choice == 0 else self.version(name, choice)
        self.act(number, "promote", name, {"version": version})

    @precondition(_some_up)
    @rule(number=registries, name=names, choice=choices, judged=st.booleans())
    def start(self, number: int, name: str, choice: int, judged: bool) -> None:
        """Begin a rollout, with or without a guard."""
        body = {"version": self.version(name, choice), "steps": STEPS, "guard": judged}
        self.act(number, "start", name, body)

    @precondition(_some_up)
    @rule(number=registries, name=names, op=st.sampled_from(("advance", "pause", "resume")))
    def move(self, number: int, name: str, op: str) -> None:
        """Move a rollout."""
        self.act(number, op, name)

    @precondition(_some_up)
    @rule(number=registries, name=names)
    def rollback(self, number: int, name: str) -> None:
        """Undo."""
        self.act(number, "rollback", name)

    @precondition(lambda self: self.writable() and self.guarded)
    @rule(number=registries, name=names, op=st.sampled_from(("approve", "reject")))
    def decide(self, number: int, name: str, op: str) -> None:
        """The other person approves or rejects what was asked for."""
        asked = self.make(op, name)
        self.world.ask(self.one_up(number), replace(asked, token=self.world.persons[1].id))

    @precondition(_some_up)
    @rule(number=registries, choice=st.integers(1, 20))
    def retry(self, number: int, choice: int) -> None:
        """A request that was answered before comes again, to any registry."""
        kept = [ask for ask in self.world.ledger.asks.values() if ask.environment == self.environment]
        if kept:
            self.world.ask(self.one_up(number), kept[-min(choice, len(kept))], again=True)

    @precondition(_both_up)
    @rule(name=names, first=choices, second=choices)
    def compete(self, name: str, first: int, second: int) -> None:
        """Two people act on what they saw; only one of them may."""
        state = self.world.pair.api(0).state(name, self.environment)
        seen = f"{state['epoch']}.{state['seq']}"
        answers: list[Any] = []
        asks = [
            self.make("promote", name, {"version": self.version(name, choice)}, if_match=seen)
            for choice in (first, second)
        ]
        at_once(*(lambda n=n, ask=ask: answers.append(self.world.ask(n, ask)) for n, ask in enumerate(asks)))
        done = [answer for answer in answers if answer is not None and answer.status in DONE]
        assert len(answers) == 2
        assert len(done) <= 1, "two acted on the same state"

    # What befalls a registry

    @precondition(_both_up)
    @rule(number=registries, name=names, op=ops, point=points, choice=choices)
    def die(self, number: int, name: str, op: str, point: str, choice: int) -> None:
        """One dies at a step of a change."""
        self.world.pair.arm(number, point)
        body = None if op == "rollback" else {"version": self.version(name, choice)}
        self.world.ask(number, self.make(op, name, body))
        if self.world.pair.died(number):
            self.count(f"died at {point}")
        else:  # it was refused before; what may come next must not depend on that
            self.world.pair.kill(number)
        self.world.settle(1 - number)

    @precondition(_both_up)
    @rule(number=registries, name=names, choice=choices, delay=st.integers(0, 20))
    def kill(self, number: int, name: str, choice: int, delay: int) -> None:
        """One is killed while it changes something."""
        ask = self.make("promote", name, {"version": self.version(name, choice)})
        thread = Thread(target=self.world.ask, args=(number, ask))
        thread.start()
        time.sleep(delay / 1000)
        self.world.pair.kill(number)
        thread.join()
        self.world.settle(1 - number)

    @precondition(_both_up)
    @rule(number=registries, name=names, choice=choices, delay=st.integers(0, 20))
    def stop(self, number: int, name: str, choice: int, delay: int) -> None:
        """One stands still, with a request in its hands."""
        ask = self.make("promote", name, {"version": self.version(name, choice)})
        self.in_flight = Thread(target=self.world.ask, args=(number, ask))
        self.in_flight.start()
        time.sleep(delay / 1000)
        self.world.pair.stop(number)
        self.stopped = number

    # What befalls Redis, the journal and the author's repository

    @rule(what=st.sampled_from(("flush", "remember", "turn back")))
    def redis(self, what: str) -> None:
        """Redis forgets everything, or somebody keeps a dump of it, or puts that back."""
        if what == "remember":
            self.dump = self.world.remember_redis()
            return
        self.world.set_redis({} if what == "flush" else self.dump)
        self.count(f"Redis: {what}")

    @precondition(_both_up)
    @rule(name=names, back=st.integers(1, 5))
    def turn_journal_back(self, name: str, back: int) -> None:
        """Somebody puts an old journal there, and the right one back: nothing is written meanwhile."""
        pair = self.world.pair
        for number in range(2):
            pair.join(number)
        self.world.agreed(self.environment)  # what nobody has seen cannot be missed
        head = pair.head()
        old = pair.ancestor(back)
        if old is None:
            return
        pair.set_head(old)
        for number in range(2):
            answer = pair.api(number).act("rollback", name, None, self.environment)
            assert answer.json["code"] == "journal_behind", answer.text
            self.world.look(number, self.environment, name)
        pair.set_head(head)
        self.count("journal turned back")

    @rule(name=names, what=st.sampled_from(("tag", "move", "delete")), choice=choices)
    def author(self, name: str, what: str, choice: int) -> None:
        """The author tags a new version, or moves or deletes a tag."""
        if what == "tag":
            self.versions[name].append(f"2.{self.number}.{len(self.versions[name])}")
            choice = 0
        if what == "delete":
            self.world.delete_tag(name, self.version(name, choice))
        else:
            self.world.tag(name, self.version(name, choice))
        self.count(f"author: {what}")

    # What befalls networks and apps

    @rule(number=registries, parted=st.booleans())
    def network(self, number: int, parted: bool) -> None:
        """A registry is cut off from Redis, or not any more."""
        if parted:
            self.world.pair.part(number)
            self.count("cut off from Redis")
        else:
            self.world.pair.join(number)

    @rule(number=registries, what=st.sampled_from(("cut off", "joined", "restarted", "forked")))
    def app(self, number: int, what: str) -> None:
        """An app is cut off from its registry, or not any more; it is started again, or forks."""
        app = self.apps[number]
        match what:
            case "cut off":
                app.cut()
                self.cut_off.add(number)
            case "joined":
                app.heal()
                self.cut_off.discard(number)
            case "restarted":
                app.restart()
            case _:
                app.fork(reachable=number in self.world.pair.up - self.cut_off)
        self.count(f"app {what}")

    @rule(number=registries, name=names)
    def read(self, number: int, name: str) -> None:
        """Somebody reads a release."""
        if number in self.world.pair.up:
            self.world.look(number, self.environment, name)

    # What always holds

    @invariant()
    def apps_serve_the_truth(self) -> None:
        """No app goes back, or serves what never was; in a while the dead live again."""
        for app in self.apps:
            app.look()
        self.world.steps += 1
        self.alone += len(self.world.pair.up) < len(self.apps)
        if self.alone > ALONE:
            self.continue_stopped()
            self.restart_dead()

    def teardown(self) -> None:
        """All is well again: everything is settled, and everybody agrees."""
        self.continue_stopped()
        for number in range(2):
            self.world.pair.join(number)
            self.apps[number].heal()
        self.restart_dead()
        self.world.settle(0)
        self.world.agreed(self.environment)
        states = self.world.pair.states(self.environment) or []
        for app in self.apps:
            until(partial(app.follows, states), "an app to follow")
            app.client.close()
        for number in range(2):
            for name in PROMPTS:
                self.world.look(number, self.environment, name)

    # How it is done

    def make(self, op: str, name: str, body: Any = None, *, if_match: str = "") -> Ask:
        """A request, with a key that no other has."""
        key = f"ask-{next(self.world.numbers)}"
        requester = self.world.persons[0].id
        return Ask(
            key=key,
            environment=self.environment,
            prompt=name,
            op=op,
            body=body,
            if_match=if_match,
            token=requester,
        )

    def act(self, number: int, op: str, name: str, body: Any = None) -> None:
        """Send a request to a registry that is there."""
        self.world.ask(self.one_up(number), self.make(op, name, body))

    def version(self, name: str, choice: int) -> str:
        """One of the newest versions."""
        return self.versions[name][-1 - choice % len(self.versions[name])]

    def one_up(self, number: int) -> int:
        """This registry, or the other one if it is not there."""
        return number if number in self.world.pair.up else 1 - number

    def writable(self) -> bool:
        """Whether a change can be made: a registry that stands still may hold the lock."""
        return self.stopped is None and bool(self.world.pair.up)

    def continue_stopped(self) -> None:
        """Let the one that stands still go on, and hear its answer."""
        if self.stopped is not None and self.in_flight is not None:
            self.world.pair.go_on(self.stopped)
            self.in_flight.join()
            self.count("stopped and continued")
        self.stopped = self.in_flight = None
        self.alone = 0

    def restart_dead(self) -> None:
        """Start what does not run."""
        for number in range(2):
            if not self.world.pair.is_running(number):
                self.world.pair.restart(number)
                self.count("registry restarted")
        self.alone = 0

    def count(self, what: str) -> None:
        """Note that it happened."""
        self.world.counts[what] += 1
