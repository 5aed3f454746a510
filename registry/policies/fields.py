"""What the operator's files are made of: tables without unknown keys, and numbers that stay exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MAX_TEXT = 200  # characters of a prompt's name, a route, a segment or a model


def _number(value: object) -> object:
    """Take a number of TOML exactly; a file's floats are read as decimals."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise ValueError("write a number, such as 0.5")
    return Decimal(value)


def _share(value: object) -> object:
    return float(number) if isinstance(number := _number(value), Decimal) else number


Number = Annotated[Decimal, BeforeValidator(_number)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
Positive = Annotated[Number, Field(gt=0)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Names = Annotated[tuple[Text, ...], Field(strict=False)]


class Rule(BaseModel):
    """The base of all models here: immutable, no unknown key, no conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
