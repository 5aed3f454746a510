"""The base of what a state is made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """The base of all models of a state: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


def unless_none(description: str | None = None) -> Any:
    """Declare a field that is None by default, and is written only if it is not."""
    return Field(default=None, exclude_if=_is_none, description=description)


def unless_empty(default: object = None) -> Any:
    """Declare a field that is written only if there is something in it."""
    return Field(default=default, exclude_if=_is_empty)


def _is_none(value: object) -> bool:
    return value is None


def _is_empty(value: object) -> bool:
    return not value
