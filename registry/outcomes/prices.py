"""What a call cost: as its sender said, else by the operator's prices, else by published ones, or unknown.

Money is counted in whole nano-dollars, so that sums of millions of calls can be corrected exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from registry.outcomes import price_file
from registry.outcomes.rates import NANOS, Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from registry.outcomes.call import Call
    from registry.outcomes.price_list import PriceList
    from registry.outcomes.rates import Listed

SENDER = "sender"  # the source of a cost that a report brought
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Priced:
    """What a call cost in nano-dollars, where the price is from, and since which day it holds, if known."""

    nanos: int
    source: str
    date: str | None = None


class Prices:
    """Finds what calls cost. Only a call that the operator's file does not price loads the published ones."""

    def __init__(self, file: Path | None = None) -> None:
        """Read the operator's prices, if there are any. Raises Invalid, with the file and the key."""
        self._file = price_file.read(file) if file else None

    @cached_property
    def _list(self) -> PriceList:
        from registry.outcomes.price_list import PriceList  # noqa: PLC0415 - 23 MiB, for who prices calls alone

        return PriceList()

    def of(self, call: Call) -> Priced | None:
        """Return what a call cost; None: that is not known."""
        if call.cost_usd is not None:
            return Priced(round(Decimal(str(call.cost_usd)) * NANOS), SENDER)
        if call.input_tokens is None or call.output_tokens is None:
            return None
        tokens = Tokens(call.input_tokens, call.output_tokens, call.cached_tokens or 0)
        at = EPOCH + timedelta(milliseconds=call.at)
        models = dict.fromkeys(filter(None, (call.response_model, call.model)))
        priced = (self.price(model, call.provider, tokens, at) for model in models)
        return next(filter(None, priced), None)

    def price(self, model: str, provider: str | None, tokens: Tokens, at: datetime) -> Priced | None:
        """Return what tokens cost; None: that is not known.

        Args:
            model: as the provider or the app calls it; it may begin with the provider's name and a slash.
            provider: None: it follows from the model.
            tokens: how many.
            at: when, as prices change.
        """
        found = self.find(model, provider, at)
        return Priced(found.rates.nanos(tokens), found.source, found.date) if found else None

    def find(self, model: str, provider: str | None, at: datetime) -> Listed | None:
        """Return the prices of a model at a time; None: they are not known."""
        own = self._file.find(model, provider, at) if self._file else None
        return own or self._list.find(model, provider, at)
