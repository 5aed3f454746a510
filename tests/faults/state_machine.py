"""Stories of two registries and their apps; what must always hold is looked at after each step."""

from __future__ import annotations

import random
import tempfile
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from faults.machine import STEPS_OF_A_STORY, Story
from faults.pace import paced
from faults.scenario import Result
from faults.world import World
from faults.writers import MEMORY
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

SEED = 20261123
STEPS = {True: 3_000, False: 50}  # in full, in short
CHAPTER = 40  # stories on one journal
SPARE = 160  # environments for stories that hypothesis breaks off, which it does not count
FEW = 0.05  # changes a step; fewer are no story
PACE = 0.05  # the apps' times are that much shorter, or most of it would be waiting
TIMES = ("ATTEMPT_SPACING", "BACK_OFF_BASE", "BACK_OFF_CAP", "BREAKER_PAUSE", "STREAM_RETRY")


@dataclass(frozen=True, slots=True)
class Chapter:
    """Stories of one world: what came of them, and how often what befell it."""

    result: Result
    counts: Counter[str]


def prove(*, full: bool) -> Iterator[Result]:
    """Tell stories, a chapter at a time, until there are steps enough: some stories are shorter."""
    taken = 0
    for number in count(SEED):
        if taken >= STEPS[full]:
            return
        told = chapter(number, min(CHAPTER, -(-(STEPS[full] - taken) // STEPS_OF_A_STORY)))
        taken += told.result.injected
        yield told.result


def chapter(number: int, stories: int = CHAPTER) -> Chapter:
    """Tell stories in one world, and at the end look at its journal as a whole."""
    what = f"stories of seed {number}"
    with ExitStack() as stack, paced(PACE, TIMES):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
        world = World.make(stack, folder, stories + SPARE)
        try:
            _tell(number, stories, world)
            changes = world.ledger.audit(world.pair.data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
            traceback.print_exception(error)
            said = str(_first(error)).partition("\n")[0]
            return Chapter(Result(what, max(world.steps, 1), wrong=1, note=said), world.counts)
        note = f"{changes} changes, agreed within {world.slowest:.1f} s"
        void = f"only {changes} changes" if changes < FEW * world.steps else ""
        return Chapter(Result(what, world.steps, note=note, void=void), world.counts)


def _first(error: BaseException) -> BaseException:
    """What went wrong before anything else did: hypothesis tries it again, and may fail otherwise."""
    return _first(error.__context__) if error.__context__ else error


def _tell(number: int, stories: int, world: World) -> None:
    Story.world = world
    random.seed(number)
    run_state_machine_as_test(
        seed(number)(Story),
        settings=settings(
            max_examples=1 + stories,  # the first is the simplest there is: one step, again and again
            stateful_step_count=STEPS_OF_A_STORY,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
