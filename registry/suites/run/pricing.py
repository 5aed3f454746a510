"""What an answer cost, and what one may cost that is not there yet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.outcomes.rates import Tokens

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.outcomes.prices import Prices
    from registry.suites.run.completion import Completion

CHARACTERS = 3  # of a token of JSON, rather too few, so that an estimate is rather too high
FIRST_ANSWER = 500  # tokens of an answer as long as none has come, unless the request allows fewer
LIMITS = ("max_completion_tokens", "max_tokens")


class Pricing:
    """Prices the answers of one run at today's prices, and estimates by the longest answer so far."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._longest: dict[str, int] = {}  # tokens of an answer, by model

    def cost(self, model: str, completion: Completion) -> int | None:
        """Return what an answer cost in nano-dollars; None: the price of the model is not known."""
        tokens = completion.tokens
        if tokens is None:
            return None
        names = dict.fromkeys(filter(None, (completion.response_model, model)))
        return next((cost for name in names if (cost := self._price(name, tokens)) is not None), None)

    def learn(self, model: str, completion: Completion) -> None:
        """Take in how long the answers of a model are."""
        tokens = completion.output_tokens or 0
        self._longest[model] = max(tokens, self._longest.get(model, 0))

    def estimate(self, model: str, request: Json) -> int:
        """Return what the answer to a request may cost in nano-dollars; 0 if the price is not known."""
        asked = len(json.dumps(request)) // CHARACTERS
        allowed = next((request[name] for name in LIMITS if type(request.get(name)) is int), FIRST_ANSWER)
        answer = self._longest.get(model) or min(allowed, FIRST_ANSWER)
        return self._price(model, Tokens(asked, answer)) or 0

    def _price(self, model: str, tokens: Tokens) -> int | None:
        priced = self._prices.price(model, None, tokens, datetime.now(UTC))
        return priced.nanos if priced else None
