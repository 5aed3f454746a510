"""What a client serves from, and whom it tells of calls: a registry, or an application's test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from promptstage._calls.record import Record
    from promptstage._replica.release_store import HeldRelease
    from promptstage._reporting.backlog import Kind
    from promptstage.errors import PromptUnavailable
    from promptstage.prompt import Prompt
    from promptstage.status import ReportsStatus, Status


class Reporter(Protocol):
    """Takes the records of calls. Nothing here waits, and nothing raises."""

    def is_sampled(self, text: str) -> bool:
        """Whether the content of a call is asked for; `text` is its conversation, or its id."""

    def started(self, record: Record) -> None:
        """A measured call has begun."""

    def ended(self, record: Record) -> None:
        """A call has ended."""

    def signal(self, kind: Kind, body: dict[str, Any]) -> None:
        """Something was said of a call or a conversation."""

    def status(self) -> ReportsStatus:
        """The part of `Client.status` that is about reports."""

    def leave(self) -> None:
        """Nothing new comes."""

    def close(self) -> None:
        """Wait a moment until what was taken is sent, and end."""


class Source(Protocol):
    """The source of a client's releases: a replica of a registry, or a test's dictionary.

    Attributes:
        environment: what the releases are of.
        held: the releases by name. Reading it is all that `get` does for a name that is in it.
        reporter: takes the records of calls.
    """

    environment: str
    held: dict[str, HeldRelease]
    reporter: Reporter

    def find(self, name: str) -> HeldRelease:
        """The release of a name that is not held, or is stale; or PromptUnavailable."""

    def pin(self, name: str, version: str) -> Prompt:
        """One version, or PromptUnavailable."""

    def pinned(self, name: str, version: str) -> bool:
        """Whether `pin` would answer from memory."""

    def count(self, what: str) -> None:
        """Add one to a count that `status` shows."""

    def fell_back(self, error: PromptUnavailable) -> None:
        """Take note that a fallback was served, and why."""

    def ready(self, timeout: float) -> bool:
        """Wait until everything is confirmed."""

    def status(self) -> Status:
        """The state of the client, for people."""

    def close(self) -> None:
        """Stop all threads and connections."""
