"""The facts of one response, and their sum over the responses of a call."""

from __future__ import annotations

from math import isfinite
from typing import Any, TypeVar

from promptstage._calls.text import CHARACTERS, short

Number = TypeVar("Number", int, float)
MOST = 1 << 53  # tokens; more are no number that JSON holds exactly
_DEAREST = 1e6  # dollars of one response


class Answer:
    """What responses say. What they do not say is None, never 0; what is odd is left out, and counted.

    Attributes:
        model: the dated one, as it answered.
        provider: where the response itself names it.
        input_tokens: with those that were read from a cache, or written to one.
        output_tokens: with those of the reasoning.
        cached_tokens: those of the input that were read from a cache.
        reasoning_tokens: those of the output that nobody is shown.
        cost_usd: what the response says that it cost.
        finish_reason: why it ended, in the API's word.
        tools: name and arguments of each tool that the model calls; None: nothing was read.
        texts: the pieces of what it says, if they are wanted.
        odd: how many values could not be right.
    """

    __slots__ = (
        "cached_tokens", "cost_usd", "finish_reason", "input_tokens", "model", "odd", "output_tokens",
        "provider", "reasoning_tokens", "texts", "tools",
    )  # fmt: skip

    def __init__(self) -> None:
        self.model: str | None = None
        self.provider: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.reasoning_tokens: int | None = None
        self.cost_usd: float | None = None
        self.finish_reason: str | None = None
        self.tools: list[list[Any]] | None = None
        self.texts: list[str] | None = None
        self.odd = 0

    def tokens(self, value: object) -> int | None:
        """A number of tokens, as it came."""
        if type(value) is int and 0 <= value <= MOST:
            return value
        if value is None:
            return None
        if type(value) is float and value.is_integer() and 0 <= value <= MOST:
            return int(value)
        self.odd += 1
        return None

    def dollars(self, value: object) -> float | None:
        """A price, as it came."""
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            dollars = float(value)
            if isfinite(dollars) and 0 <= dollars <= _DEAREST:
                return dollars
        self.odd += 1
        return None

    def word(self, value: object) -> str | None:
        """A name, as it came."""
        if type(value) is str and 0 < len(value) <= CHARACTERS and value.isprintable():  # nearly always
            return value
        if isinstance(value, str):
            return short(value)
        if value is not None:
            self.odd += 1
        return None

    def add(self, other: Answer) -> None:
        """Take in one more response: numbers add up, and of the rest the last one holds."""
        self.input_tokens = _sum(self.input_tokens, other.input_tokens)
        self.output_tokens = _sum(self.output_tokens, other.output_tokens)
        self.cached_tokens = _sum(self.cached_tokens, other.cached_tokens)
        self.reasoning_tokens = _sum(self.reasoning_tokens, other.reasoning_tokens)
        self.cost_usd = _sum(self.cost_usd, other.cost_usd)
        self.model = other.model or self.model
        self.provider = other.provider or self.provider
        self.finish_reason = other.finish_reason or self.finish_reason
        if other.tools is not None:
            self.tools = [*(self.tools or ()), *other.tools]
        self.texts = other.texts if other.texts is not None else self.texts
        self.odd += other.odd


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return other if one is None else one if other is None else one + other
