"""Compare a version with answers that were recorded: the same inputs, and a verdict on both. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from registry.suites.run.completion import Completion
from registry.suites.run.statistics import sign_test

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptstage.model import Json
    from registry.suites.run.failure import Failed, Trouble
    from registry.suites.run.trial import Trial

FORMAT = 1
ALPHA = 0.05
"""A candidate is worse if it loses more pairs than it wins, so clearly that chance alone does so in at most
one of twenty comparisons of equal versions."""


class Duel(StrEnum):
    """Who is better with one input."""

    WIN = "win"
    LOSS = "loss"
    TIE = "tie"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One input, and both answers to it.

    Attributes:
        call: the id of the call that it was recorded with.
        version: that answered then.
        duel: the candidate's.
        failures, recorded_failures: the checks that did not pass.
        trouble: why there is no verdict.
        answer, recorded: the texts; None: there is none, or both are as good.
    """

    call: str
    version: str
    duel: Duel
    failures: tuple[Failed, ...] = ()
    recorded_failures: tuple[Failed, ...] = ()
    trouble: Trouble | None = None
    answer: str | None = None
    recorded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All pairs of a run.

    Attributes:
        label: of the candidate.
        p: how often chance alone makes wins and losses so one-sided, by the sign test.
        result: ``failed`` if the candidate is worse, ``incomplete`` if there is no pair to judge by.
    """

    prompt: str
    label: str
    model: str
    judge: str | None
    pairs: tuple[Pair, ...]
    stopped: str | None
    requests: int
    spent_usd: float
    unpriced: int
    seconds: float

    def count(self, duel: Duel) -> int:
        """How many pairs ended so."""
        return Counter(pair.duel for pair in self.pairs)[duel]

    @property
    def p(self) -> float:
        """The two-sided p of the sign test of wins and losses."""
        return sign_test(self.count(Duel.WIN), self.count(Duel.LOSS))

    @property
    def result(self) -> str:
        """What follows from it."""
        if self.count(Duel.LOSS) > self.count(Duel.WIN) and self.p <= ALPHA:
            return "failed"
        judged = len(self.pairs) - self.count(Duel.OPEN)
        return "passed" if judged and not self.stopped else "incomplete"

    def to_json(self) -> Json:
        """Return the documented form."""
        counts = {"wins": Duel.WIN, "losses": Duel.LOSS, "ties": Duel.TIE, "open": Duel.OPEN}
        found = {name: self.count(duel) for name, duel in counts.items()}
        return {"format": FORMAT, "result": self.result, **found, "p": self.p, **asdict(self)}


def duel(candidate: Trial, recorded: Trial) -> Duel:
    """Say who is better: who passes, and else whose checks have the better score."""
    if candidate.trouble or recorded.trouble:
        return Duel.OPEN
    mine, theirs = ((trial.passed, round(trial.score, 6)) for trial in (candidate, recorded))
    return Duel.TIE if mine == theirs else Duel.WIN if mine > theirs else Duel.LOSS


def recorded_completion(call: Mapping[str, Any]) -> Completion | None:
    """Return the answer of a recorded call; None: it holds none that can be judged."""
    response = call.get("response")
    if isinstance(response, str):
        response = {"content": response}
    if not isinstance(response, dict):
        return None
    content, tools = response.get("content"), response.get("tool_calls") or []
    if not isinstance(content, str | None) or not isinstance(tools, list):
        return None
    return Completion(
        text=content or "",
        tool_calls=tuple(tool for tool in tools if isinstance(tool, dict)),
        finish_reason=call.get("finish_reason"),
        response_model=call.get("response_model"),
        input_tokens=call.get("input_tokens"),
        output_tokens=call.get("output_tokens"),
        cached_tokens=call.get("cached_tokens"),
        latency_ms=call.get("duration_ms"),
    )


def inputs(call: Mapping[str, Any]) -> Json | None:
    """Return what a recorded call put into its prompt; None: that is not known."""
    found = [call.get(name) for name in ("variables", "placeholders")]
    if not isinstance(found[0], dict):
        return None
    return {**found[0], **(found[1] if isinstance(found[1], dict) else {})}


def open_first(pairs: Sequence[Pair]) -> list[Pair]:
    """Order pairs for people: losses, then what has no verdict, then wins and ties."""
    order = (Duel.LOSS, Duel.OPEN, Duel.WIN, Duel.TIE)
    return sorted(pairs, key=lambda pair: order.index(pair.duel))
