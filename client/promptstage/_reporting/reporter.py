"""Report the calls of one client to its registry: see `promptstage.source.Reporter`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptstage import limits
from promptstage._calls.identity import is_sampled
from promptstage._reporting.backlog import Entry
from promptstage._reporting.channel import Channel
from promptstage._reporting.sender import sender

if TYPE_CHECKING:
    from promptstage._calls.content import Redact
    from promptstage._calls.record import Record
    from promptstage._http.transport import Transport
    from promptstage._reporting.backlog import Kind
    from promptstage.status import ReportsStatus


class Reporter:
    """Puts records into the queue of the process.

    Args:
        transport: the way to the registry, which nobody else uses.
        environment: what is reported to.
        content: whether content may leave the process.
        redact: what changes it on its way.
    """

    def __init__(
        self, transport: Transport, environment: str, *, content: bool, redact: Redact | None
    ) -> None:
        self._channel = Channel(transport, environment, redact)
        self._may_have_content = content
        self._sender = sender()
        self._sender.add(self._channel)

    def is_sampled(self, text: str) -> bool:
        """Whether the content of a call is asked for, and may leave."""
        sample = self._channel.sample
        return sample > 0 and self._may_have_content and is_sampled(text, sample)

    def started(self, record: Record) -> None:
        """Report that a measured call has begun: one that never ends is known of, too."""
        self._sender.put(self._channel, Entry("calls", record, is_start=True))

    def ended(self, record: Record) -> None:
        """Report how a call went."""
        if not record.fields["sampled"]:
            record.content = None
        self._sender.put(self._channel, Entry("calls", record, is_measured=record.is_measured))

    def signal(self, kind: Kind, body: dict[str, Any]) -> None:
        """Report feedback, or that a unit of business is done."""
        self._sender.put(self._channel, Entry(kind, body))

    def status(self) -> ReportsStatus:
        """The part of `Client.status` that is about reports."""
        return self._channel.status()

    def leave(self) -> None:
        """Nothing new comes: what waits is sent, and then nothing is left here."""
        self._channel.is_left = True
        if self._channel.is_empty:
            self._sender.remove(self._channel)

    def close(self) -> None:
        """Send what waits for a moment, and then no more."""
        self._sender.flush([self._channel], limits.FLUSH)
        self._sender.remove(self._channel)
        self._sender.join(limits.JOIN)
