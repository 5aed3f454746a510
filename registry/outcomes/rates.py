"""What tokens cost, exactly: decimal prices in, whole nano-dollars out. Pure.

A price is what a provider publishes: US dollars for a million tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

NANOS = 1_000_000_000  # of a dollar
NANOS_A_TOKEN = 1_000  # at a price of one dollar for a million tokens
NOTHING = Decimal(0)


class Tokens(NamedTuple):
    """The tokens of a call; those read from the provider's cache are part of the input."""

    input: int
    output: int
    cached: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The prices of a model.

    Attributes:
        input, cached, output: US dollars for a million tokens of each kind.
        call: US dollars for each call besides.
        longer: prices for long prompts, rising: for more input tokens than the number, all tokens cost these.
    """

    input: Decimal
    cached: Decimal
    output: Decimal
    call: Decimal = NOTHING
    longer: tuple[tuple[int, Rates], ...] = ()

    def nanos(self, tokens: Tokens) -> int:
        """Return the price of a call in nano-dollars, a half rounded to even."""
        rates = self._for(tokens.input)
        cached = min(tokens.cached, tokens.input)
        a_million = (
            (tokens.input - cached) * rates.input + cached * rates.cached + tokens.output * rates.output
        )
        return round(a_million * NANOS_A_TOKEN + rates.call * NANOS)

    def _for(self, length: int) -> Rates:
        """Return the prices for a prompt of so many tokens."""
        found = self
        for above, rates in self.longer:
            if length > above:
                found = rates
        return found


@dataclass(frozen=True, slots=True)
class Listed:
    """A model's prices, where they are listed, and since which day they hold, if that is known."""

    rates: Rates
    source: str
    date: str | None = None
