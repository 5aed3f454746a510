"""The operator's prices, a TOML file: for what no list has, and for what was agreed on.

[[models]]
model = "gpt-5-mini*"     # a name, or a pattern; the most precise that fits holds
provider = "openai"       # only there; without it anywhere
input = 0.25              # US dollars for a million tokens
cached = 0.025            # of the input those that were read from a cache; without it they cost as much
output = 2.0
from = 2026-09-01         # since that day, UTC; without it always
source = "contract 4711"  # stands with the sums; without it the file's name
"""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from registry.outcomes.rates import Listed, Rates
from registry.policies.fields import Number, Rule, Text
from registry.policies.file import sentence, wrong

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MAX_MODELS = 10_000
WILD = "*?["

Price = Annotated[Number, Field(ge=0, le=1_000_000, max_digits=18, decimal_places=9)]


class Entry(Rule):
    """The prices of the models of a name, since a day."""

    model: Text
    provider: Text | None = None
    input: Price
    cached: Price | None = None
    output: Price
    since: Annotated[date, Field(alias="from")] = date.min
    source: Text | None = None

    @property
    def identity(self) -> tuple[str, str | None, date]:
        """What no two entries share."""
        return self.model.lower(), self.provider and self.provider.lower(), self.since

    @property
    def precision(self) -> tuple[bool, int, bool, date]:
        """What orders the entries that fit a call, the best last."""
        name = self.model
        return not set(WILD) & set(name), len(name), self.provider is not None, self.since

    def fits(self, model: str, provider: str | None, day: date) -> bool:
        """Return whether it holds for a model on a day; names in lower case."""
        return (
            self.since <= day
            and (self.provider is None or self.provider.lower() == provider)
            and fnmatchcase(model, self.model.lower())
        )

    def listed(self, file: str) -> Listed:
        """Return its prices."""
        cached = self.input if self.cached is None else self.cached
        rates = Rates(input=self.input, cached=cached, output=self.output)
        since = None if self.since == date.min else self.since.isoformat()
        return Listed(rates, self.source or file, since)


class Models(Rule):
    """The whole file."""

    models: Annotated[tuple[Entry, ...], Field(strict=False, max_length=MAX_MODELS)] = ()


class PriceFile:
    """The operator's prices."""

    def __init__(self, name: str, entries: tuple[Entry, ...]) -> None:
        self._name = name
        self.entries = entries

    def find(self, model: str, provider: str | None, at: datetime) -> Listed | None:
        """Return the prices of a model at a time, or None."""
        names = model.lower(), provider and provider.lower(), at.date()
        fitting = [entry for entry in self.entries if entry.fits(*names)]
        return max(fitting, key=lambda entry: entry.precision).listed(self._name) if fitting else None


def read(path: Path) -> PriceFile:
    """Read the file. Raises Invalid, with the file and the key."""
    try:
        text = path.read_text(encoding="utf-8")
        entries = Models.model_validate(tomllib.loads(text, parse_float=Decimal)).models
    except OSError as error:
        raise wrong(path, f"it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise wrong(path, "; ".join(map(sentence, error.errors()))) from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise wrong(path, f"it is no TOML: {error}") from error
    seen: dict[object, int] = {}
    for number, entry in enumerate(entries):
        if (first := seen.setdefault(entry.identity, number)) != number:
            raise wrong(path, f"models[{number}]: models[{first}] is for the same model, provider and day")
    return PriceFile(path.name, entries)
