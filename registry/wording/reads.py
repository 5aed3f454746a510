"""Reading the API, over HTTP or within the process."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json


PAGE = 500  # entries asked for at once; the most that every list allows


class Refused(RegistryError):
    """The registry understood, and would not do it; the message is its own, `extra` what it said beside."""

    code = "refused"

    def saying(self, message: str) -> Refused:
        """The same in other words."""
        return Refused(message, code=self.code, **self.extra)


class Reads(Protocol):
    """What can read the API."""

    def get(self, path: str, member: str, **query: Any) -> Json:
        """Read what has this member by the contract; `path` may have a query already.

        Raises:
            Refused, Unavailable: as the registry says, or because none answers.
        """

    def pages(self, path: str, limit: int | None = None) -> Iterator[Json]:
        """Read a list, as many pages as it has, up to `limit` entries."""


def pages(registry: Reads, path: str, limit: int | None) -> Iterator[Json]:
    """Read a list page by page, up to `limit` entries: what `Reads.pages` is, by `Reads.get` alone."""
    return islice(_entries(registry, path, min(limit or PAGE, PAGE)), limit)


def _entries(registry: Reads, path: str, size: int) -> Iterator[Json]:
    page = registry.get(path, "data", limit=size)
    yield from page["data"]
    while cursor := page.get("next_cursor"):
        page = registry.get(path, "data", limit=size, cursor=cursor)
        yield from page["data"]


class Asks(Reads, Protocol):
    """What can read the API, and ask it questions that are too long or too private for an address."""

    def post(self, path: str, body: Json, member: str, *, if_match: str = "") -> Json:
        """Send a body once, and read what has this member by the contract.

        Raises:
            Refused, Unavailable: as the registry says, or because none answers.
        """
