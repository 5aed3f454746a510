"""The published prices, from `genai-prices`, which is data: an update is a new pin, and nothing is fetched.

The library computes a price in 100 us, and a fold takes 20 us a call. So the prices of a model are looked up
once, and computed with here. A test compares the two for every model.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from registry.outcomes.rates import NOTHING, Listed, Rates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

CACHED_MODELS = 4096  # names come from reports, so they are bounded
PER_CALL = 1000  # the list's price of calls is for so many
# How OpenTelemetry and LiteLLM spell providers that the list does not know by that name.
SPELLINGS = {
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gen_ai": "google",
    "litellm": None,
    "litellm_proxy": None,
    "x_ai": "x-ai",
}


class PriceList:
    """The published prices. Making one loads the library: 0.2 s and 23 MiB."""

    def __init__(self) -> None:
        from genai_prices import data_snapshot  # noqa: PLC0415 - only a process that prices calls pays for it

        self._snapshot = data_snapshot
        self.providers = data_snapshot.get_snapshot().providers
        self.source = f"genai-prices {version('genai-prices')}"
        self._model = lru_cache(CACHED_MODELS)(self._find_model)
        self._listed: dict[int, Listed | None] = {}  # by the identity of the list's object, which lives on

    def find(self, model: str, provider: str | None, at: datetime) -> Listed | None:
        """Return the prices of a model at a time, or None."""
        known = self._model(model, provider)
        if known is None:
            return None
        prices = known.get_prices(at)
        if id(prices) not in self._listed:
            rates = listed_rates(prices)
            self._listed[id(prices)] = Listed(rates, self.source, _since(known, prices)) if rates else None
        return self._listed[id(prices)]

    def _find_model(self, model: str, provider: str | None) -> ModelInfo | None:
        """Find a model of a provider, or one whose name begins with its provider's."""
        model, provider = model.lower(), provider and provider.lower()
        provider = SPELLINGS.get(provider, provider) if provider else None
        prefix, slash, rest = model.partition("/")
        return self._of(model, provider) or (self._of(rest, prefix) if slash else None)

    def _of(self, model: str, provider: str | None) -> ModelInfo | None:
        if provider is None:
            matching = (one for one in self.providers if one.model_match and one.model_match.is_match(model))
            found = next(matching, None)
        else:
            found = self._snapshot.find_provider_by_id(self.providers, provider)
        return found.find_model(model, all_providers=self.providers) if found else None


def _since(model: ModelInfo, prices: ModelPrice) -> str | None:
    """Return the first day of a model's prices, if the list has it."""
    conditions = model.prices if isinstance(model.prices, list) else []
    condition = next((one.constraint for one in conditions if one.prices is prices), None)
    first: date | None = getattr(condition, "start_date", None)
    return first.isoformat() if first else None


def listed_rates(prices: ModelPrice) -> Rates | None:
    """Return a model's prices in our form; None: the model is not paid by tokens of text."""
    if prices.input_mtok is None and prices.output_mtok is None:
        return None
    kinds = (prices.input_mtok, prices.cache_read_mtok, prices.output_mtok)
    steps = sorted({tier.start for kind in kinds for tier in getattr(kind, "tiers", ())})
    call = (_price(prices.requests_kcount, None) or NOTHING) / PER_CALL
    base, *longer = (_step(kinds, start, call) for start in (None, *steps))
    return Rates(
        input=base.input,
        cached=base.cached,
        output=base.output,
        call=call,
        longer=tuple(zip(steps, longer, strict=True)),
    )


def _step(kinds: Sequence[Decimal | TieredPrices | None], start: int | None, call: Decimal) -> Rates:
    """Return the prices for prompts of more than `start` tokens."""
    tokens, cached, output = (_price(kind, start) for kind in kinds)
    tokens = NOTHING if tokens is None else tokens
    return Rates(
        input=tokens,
        cached=tokens if cached is None else cached,
        output=NOTHING if output is None else output,
        call=call,
    )


def _price(kind: Decimal | TieredPrices | None, start: int | None) -> Decimal | None:
    """Return the price of a kind of tokens; it has one, or one for each length of prompts."""
    if kind is None or isinstance(kind, Decimal):
        return kind
    reached = [tier.price for tier in kind.tiers if start is not None and tier.start <= start]
    return reached[-1] if reached else kind.base
