"""A registry killed at each named step of a change: the change is whole or not there, and made once."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3
from faults.pair import Pair
from faults.quick import QuickRegistry
from faults.scenario import Result
from faults.writers import MEMORY
from support import PromptRepository, until

from registry.journal.maintenance.verify import verify
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a prompt goes through; each is one change, at which the registry is killed.
STORY: tuple[tuple[str, Any], ...] = (
    ("promote", {"version": "1.0.0"}),
    ("start", {"version": "1.1.0", "steps": [{"percent": 1}, {"percent": 50}]}),
    ("advance", None),
    ("pause", None),
    ("resume", None),
    ("promote", None),
    ("rollback", None),
)
IN_SHORT = 1  # changes a failpoint, else all of the story
SHORT_POINTS = (failpoints.COMMITTED, failpoints.BOARD_READ)
SHORT_BEGINNINGS = (failpoints.BEGUN,)


def prove(*, full: bool) -> Iterator[Result]:
    """Kill it at each step of every change, then at each step of a journal's beginning."""
    points = failpoints.CHANGE if full else SHORT_POINTS
    beginnings = failpoints.BEGINNING if full else SHORT_BEGINNINGS
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, ExitStack() as stack:
        author = PromptRepository(Path(folder) / "prompts")
        for version in ("1.0.0", "1.1.0"):
            author.tag("summarize", version)
        environments = [f"at-{point.replace('.', '-')}" for point in points]
        pair = Pair(stack, Path(folder), author, environments=",".join(environments))
        numbers = count()
        for environment, point in zip(environments, points, strict=True):
            changes = STORY if full else STORY[:IN_SHORT]
            yield _sweep(pair, environment, point, changes, numbers)
        problems = verify(pair.data).problems
        yield Result("all of it, verified", len(points), wrong=len(problems), note="; ".join(problems[:2]))
        yield _begin(Path(folder), author, beginnings)


def _sweep(
    pair: Pair, environment: str, point: str, changes: tuple[tuple[str, Any], ...], numbers: Iterator[int]
) -> Result:
    """Each change is asked of one registry, which dies, and then of the other one, with the same key."""
    injected = lost = wrong = 0
    made: list[int] = []
    for op, body in changes:
        number = next(numbers)
        victim, other = number % 2, (number + 1) % 2
        before = _history(pair, other, environment)
        pair.arm(victim, point)
        key = f"change-{number}"
        with suppress(urllib3.exceptions.HTTPError):
            pair.api(victim).act(op, "summarize", body, environment, Idempotency_Key=key)
        injected += pair.died(victim)
        answer = pair.api(other).act(op, "summarize", body, environment, Idempotency_Key=key)
        made.append(answer.json.get("seq", -1))
        after = _history(pair, other, environment)
        wrong += answer.status != 200 or after[1:] != before
        lost += [change["seq"] for change in after] != made[::-1]
        if not pair.is_running(victim):
            pair.restart(victim)
        until(lambda: pair.states(environment), "both registries and Redis to agree")
    return Result(
        f"killed at {point}", injected, lost=lost, wrong=wrong,
        void="" if injected == len(changes) else f"{injected} of {len(changes)} only",
    )  # fmt: skip


def _history(pair: Pair, number: int, environment: str) -> list[Any]:
    path = f"/v1/environments/{environment}/rollouts/summarize/history"
    return list(pair.api(number).get(path).json["data"])


def _begin(folder: Path, author: PromptRepository, points: tuple[str, ...]) -> Result:
    """A first start that is killed, and one after it: which lets its admin in, and can be written."""
    injected = wrong = 0
    for point in points:
        data, armed = folder / f"begun-{point}", folder / "failpoint"
        armed.write_text(point)
        with suppress(AssertionError):  # it ended before it said where it listens
            QuickRegistry(author.path, data, failpoints=str(armed)).kill()
        injected += not armed.exists()
        registry = QuickRegistry(author.path, data)
        answer = registry.api.act("promote", "summarize", {"version": "1.0.0"})
        registry.stop()
        wrong += (answer.status, answer.json.get("seq")) != (200, 1) or bool(verify(data).problems)
    return Result(
        "killed while a journal begins", injected, wrong=wrong,
        void="" if injected == len(points) else f"{injected} of {len(points)} only",
    )  # fmt: skip
