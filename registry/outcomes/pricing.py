"""Price what waits in the inbox, as the folder does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.outcomes.prices import Prices

PRICED_BY = ("model", "response_model", "provider", "input_tokens", "output_tokens", "cached_tokens")


def pricing(prices: Prices) -> Callable[[Mapping[str, Any]], tuple[int, str] | None]:
    """Return a function that prices an entry: nano-dollars, and the source with its date; None: not known."""

    def price(entry: Mapping[str, Any]) -> tuple[int, str] | None:
        known: dict[str, Any] = {name: entry.get(name) for name in PRICED_BY}
        found = prices.of(Call(id=entry["id"], at=entry["at"], **known))
        if found is None:
            return None
        return found.nanos, f"{found.source} {found.date}" if found.date else found.source

    return price
