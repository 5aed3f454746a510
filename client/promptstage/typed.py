"""Types for the module that `promptstage types` writes; for type checkers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypedDict

if TYPE_CHECKING:
    from promptstage.prompt import Fallback


class Answer(Protocol):
    """A message as an SDK answers it."""

    @property
    def role(self) -> str:
        """Its role."""


History = Sequence[Mapping[str, object] | Answer]
"""The messages that take the place of a placeholder."""


class UseOptions(TypedDict, total=False):
    """Keywords of `Client.use`."""

    key: str | int | None
    attributes: Mapping[str, object] | None
    version: str | None
    pin: str | None
    fallback: Fallback | None


class GetOptions(UseOptions, total=False):
    """Keywords of `Client.get` and `Client.aget`."""

    stamp: bool


class CallOptions(UseOptions, total=False):
    """Keywords of `Client.call`."""

    conversation: object
    route: str | None
    segment: str | None
    contexts: Iterable[str]
