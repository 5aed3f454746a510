"""How far judges and people agree, as the command line and the console show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.wording.describe import NONE
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json

COLUMNS = (
    *("judge", "score", "rubric", "labels", "agrees", "passes bad", "fails good"),
    *("says good", "kappa", "contradicts itself"),
)
EXPLAINED = (
    "Rates are those of all sampled calls, with the interval that holds with 95 %. Passes bad: of what "
    "people call bad, what the judge calls good; fails good is the reverse. Kappa is agreement beyond "
    "chance: 1 where both always say the same, 0 for a judge that knows nothing."
)
RUBRIC = 19  # characters of a digest: its kind, and twelve digits


def row(found: Json) -> list[str]:
    """One judge by one rubric: the cells under `COLUMNS`."""
    rates = (rate(found[key]) for key in ("agrees", "passes_bad", "fails_good", "says_good"))
    return [
        *(clean(found["judge"]), clean(found["name"]), clean(found["rubric"] or NONE)[:RUBRIC]),
        *(_labels(found), *rates),
        NONE if found["kappa"] is None else f"{found['kappa']:.2f}",
        _twice(found["twice"]),
    ]


def rate(found: Json | None) -> str:
    """A share, and the interval that has it: ``91% (76% to 97%)``."""
    if found is None:
        return NONE
    low, high = found["interval"]
    return f"{found['rate']:.0%} ({low:.0%} to {high:.0%})"


def _labels(found: Json) -> str:
    """How many labels there are of calls that it judged, and how many are missing before anything is said."""
    return f"{found['labels']}, {found['needs']} more needed" if found["needs"] else str(found["labels"])


def _twice(found: Json) -> str:
    return f"on {found['differ']} of {found['pairs']}" if found["pairs"] else NONE
