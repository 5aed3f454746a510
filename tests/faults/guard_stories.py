"""Guarded rollouts under reports, people, and kills of the registry, also between a verdict and its change.

At each story's end, and of all stories at the end of all: a verdict has acted once, no step went forward
without evidence, what was reported counts once, and every record can be computed again.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3
from faults.scenario import Result
from guarded import HOLDS, STAYS, Guarded
from support import PromptRepository, Registry, children, until

from registry.cli.release.verify_evidence import differences
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 20261130
STEPS = {True: 3_000, False: 30}  # in full, in short
STEPS_OF_A_STORY = 30
WORKERS = 2  # each has a guard
MINIMUM = 20
PATIENCE = 60.0
KINDS = ("report", "report", "report", "report", "person", "die", "kill")
WEIGHTS = (6, 6, 6, 6, 2, 1, 1)
BAD = {"harmful": 0.5, "equal": 0.0}
GUARD = {"minimum": MINIMUM, "metrics": ["errors"]}


@dataclass
class World:
    """A registry that is killed and started again, and what was found wrong."""

    registry: Registry
    failpoint: Path
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    acted: int = 0
    advanced: int = 0

    def kill(self) -> None:
        """Kill all of its processes, and start it again."""
        below = children(self.registry.process.pid)
        self.registry.process.kill()
        self.registry.process.wait()
        for process in below:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{each}/stat").exists() for each in below), "the rest to end")
        self.registry.api.close()
        self.registry = _serve(self.registry.data, self.failpoint, port=self.registry.port)
        self.kills += 1

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Do something that a killed worker may cut off, until it is answered."""

        def answered() -> list[Any]:
            with suppress(urllib3.exceptions.HTTPError, AssertionError):
                return [work()]
            return []

        (found,) = until(answered, "an answer", patience=PATIENCE)
        return found


@dataclass
class Told:
    """A rollout, and what was reported of it: by arm, users from the first on, and those that failed."""

    rollout: Guarded
    units: dict[str, int] = field(default_factory=lambda: {"canary": 0, "control": 0})
    bad: dict[str, int] = field(default_factory=lambda: {"canary": 0, "control": 0})


def prove(*, full: bool) -> Iterator[Result]:
    """Tell stories, until there are steps enough."""
    stories = STEPS[full] // STEPS_OF_A_STORY
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        author = PromptRepository(Path(folder) / "prompts")
        for version in ("1.0.0", "1.1.0"):
            author.tag("summarize", version)
        world = World(_serve(Path(folder) / "data", Path(folder) / "failpoint"), Path(folder) / "failpoint")
        try:
            told = [_tell(world, chance, number) for number in range(stories)]
            world.acted = world.advanced = 0
            for each in told:
                _check(world, each)
        finally:
            world.registry.stop()
    said = (
        f"{stories} rollouts, {world.acted} taken back, {world.advanced} advances, {world.kills} kills of all"
    )
    note = "; ".join(world.wrong[:2]) or said
    void = "" if (world.acted and world.advanced) or not full else said
    yield Result(
        "guards under reports, people and kill -9",
        stories * STEPS_OF_A_STORY,
        wrong=len(world.wrong),
        note=note,
        void=void,
    )


def _serve(data: Path, failpoint: Path, port: int = 0) -> Registry:
    names = ",".join(f"story-{number}" for number in range(STEPS[True] // STEPS_OF_A_STORY))
    return Registry(
        data.with_name("prompts"),
        data,
        port=port,
        workers=WORKERS,
        patience=PATIENCE,
        environments=names,
        failpoints=str(failpoint),
    )


def _tell(world: World, chance: random.Random, number: int) -> Told:
    api = world.registry.api
    steps = chance.choice((HOLDS, STAYS))
    told = Told(world.attempt(lambda: Guarded(api, f"story-{number}", steps, GUARD)))
    share = chance.choice(tuple(BAD.values()))
    lost = chance.choice((None, None, "control"))
    for _ in range(STEPS_OF_A_STORY):
        match chance.choices(KINDS, WEIGHTS)[0]:
            case "report":
                _report(world, chance, told, share, lost)
            case "person":
                world.attempt(lambda: told.rollout.act(chance.choice(("pause", "resume"))))
            case "die":
                world.failpoint.write_text(chance.choice(failpoints.CHANGE))
            case _:
                world.kill()
    world.failpoint.unlink(missing_ok=True)
    if steps is HOLDS and not share and not lost:
        _await_the_advance(world, told)
    _check(world, told)
    return told


def _await_the_advance(world: World, told: Told) -> None:
    """Report users enough of a candidate that does no harm, and wait until the schedule goes on."""
    many = max(*told.units.values(), MINIMUM)
    world.attempt(lambda: told.rollout.report(many, control_bad=many // 20))
    told.units = dict.fromkeys(told.units, many)
    told.bad["control"] = max(told.bad["control"], many // 20)
    under_way = world.attempt(lambda: told.rollout.state)["rollout"]
    if under_way and under_way["state"] == "paused":
        world.attempt(lambda: told.rollout.act("resume"))
    try:
        until(
            lambda: world.attempt(lambda: told.rollout.state)["rollout"] is None,
            "the advance",
            patience=PATIENCE,
        )
    except AssertionError:
        world.wrong.append(f"{told.rollout.path}: it waits for {told.rollout.evidence['waiting']}")


def _report(world: World, chance: random.Random, told: Told, share: float, lost: str | None) -> None:
    """Report more users, and some once more."""
    arms = tuple(arm for arm in told.units if arm != lost or chance.random() < 0.1)
    many = max(told.units.values()) + chance.randrange(8)
    bad = round(share * many)
    if arms and many:
        world.attempt(lambda: told.rollout.report(many, canary_bad=bad, control_bad=many // 20, arms=arms))
        for arm in arms:
            told.units[arm] = max(told.units[arm], many)
            told.bad[arm] = max(told.bad[arm], bad if arm == "canary" else many // 20)


def _check(world: World, told: Told) -> None:
    """Look at what must hold of a rollout."""
    rollout = told.rollout
    sums = told.units["canary"], told.bad["canary"], told.units["control"], told.bad["control"]

    def counted() -> bool:
        arms = [
            step[arm] for arm in ("canary", "control") for step in rollout.recounted["metrics"][0]["steps"]
        ]
        return tuple(each[key] for each in arms for key in ("units", "bad")) in {sums, ()} and bool(
            arms or not any(sums)
        )

    try:
        until(lambda: world.attempt(counted), "the counts", patience=PATIENCE)
    except AssertionError:
        world.wrong.append(
            f"{rollout.path}: {sums} were reported, and after {PATIENCE:g} s "
            f"{rollout.recounted['metrics'][0]['steps']} count; {rollout.changes}"
        )
    evidence = world.attempt(lambda: rollout.recounted)
    history = world.attempt(lambda: rollout.history)
    world.wrong += [f"{rollout.path}: {said}" for said in differences(evidence, history)]
    by_guard = [change for change in history if change["actor"] == "guard" and change["op"] != "calibrate"]
    world.acted += len(by_guard)
    world.advanced += sum(change["actor"] == "schedule" for change in history)
    if len(by_guard) > 1:
        world.wrong.append(f"{rollout.path}: the guard acted {len(by_guard)} times")
    for change in history:
        if change["actor"] == "schedule" and not _may_advance(change.get("evidence")):
            world.wrong.append(f"{rollout.path}: it went forward on {change.get('evidence')}")


def _may_advance(evidence: Any) -> bool:
    """Whether a record speaks for an advance: enough users on both arms, and no harm."""
    if not evidence or "harm" in evidence:
        return False
    return all(
        min(sum(step[arm][0] for step in metric["steps"]) for arm in (1, 2)) >= MINIMUM
        for metric in evidence["judged"]
    )
