"""What a check is, what it judges, and what it says. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from promptstage.model import Json


@dataclass(frozen=True, slots=True)
class Check:
    """One condition on an answer: an assertion in promptfoo's vocabulary, or one of GitHub's evaluators.

    Attributes:
        type: without ``not-``; one of `registry.suites.checks.vocabulary.KINDS`.
        value: what the type compares with; texts in it may hold ``{{name}}``.
        threshold: a bound, in the unit of the type; None for the type's own default.
        weight: how much it counts beside the other checks of a case; 0 only reports.
        negated: whether it passes where the type would not.
        name: what the author calls it; empty if nothing.
    """

    type: str
    value: Any = None
    threshold: float | None = None
    weight: float = 1.0
    negated: bool = False
    name: str = ""

    @property
    def label(self) -> str:
        """What to call it in a report: its type, and the author's own name."""
        label = f"not-{self.type}" if self.negated else self.type
        return f"{label} ({self.name})" if self.name else label


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, and what that took.

    Attributes:
        text: the content; empty if there is none.
        tool_calls: in OpenAI's shape: ``{"type": "function", "function": {"name": ..., "arguments": ...}}``.
        latency_ms: None if it was not measured, as in a cached answer of another tool.
        cost: in US dollars; None if the model has no known price.
        finish_reason: as the API says it.
    """

    text: str
    tool_calls: tuple[Json, ...] = ()
    latency_ms: float | None = None
    cost: float | None = None
    finish_reason: str | None = None

    @property
    def output(self) -> str:
        """What checks of texts read: the text, or the tool calls as JSON where there is no text."""
        if self.text or not self.tool_calls:
            return self.text
        return json.dumps(self.tool_calls, ensure_ascii=False, separators=(",", ":"))


class Verdict(NamedTuple):
    """What a check says of an answer.

    Attributes:
        passed: whether the condition holds.
        score: 0 to 1.
        reason: a sentence for people.
        broken: whether the check could not be judged: a time-out, a judge that answers nonsense, a cost that
            is not known. It has not passed then.
    """

    passed: bool
    score: float
    reason: str
    broken: bool = False


class Question(NamedTuple):
    """What a judge model is asked.

    Attributes:
        messages: in the shape of chat APIs.
        model: the model that the check names; None for the one of `--judge`.
        rubric: what is judged by, whose digest goes into scores; without the answer.
    """

    messages: tuple[Json, ...]
    model: str | None
    rubric: str


Rubric = Callable[[Question], str]
"""Asks a judge model, and returns the text of its reply. Raises what it likes; `judge` lets it pass."""


def broken(reason: str) -> Verdict:
    """Return the verdict of a check that could not be judged."""
    return Verdict(passed=False, score=0.0, reason=reason, broken=True)
