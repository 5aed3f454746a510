"""What is to be sent to one registry, and what of it is let go first where there is too much."""

from __future__ import annotations

from collections import Counter, deque
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from promptstage import limits
from promptstage._calls.record import Record

if TYPE_CHECKING:
    from promptstage._calls.content import Content

    Kind = Literal["calls", "feedback", "resolutions"]

_numbers = count()


class Entry:
    """One thing to send.

    Attributes:
        kind: which of the registry's resources it is for.
        body: the record of a call, or what is sent as it is.
        is_start: whether it says only that the call began.
        is_measured: whether it says something about a rollout's candidate.
        number: its place in the order of all.
        size: the bytes of memory that it takes.
    """

    __slots__ = ("body", "is_measured", "is_start", "kind", "number", "size")

    def __init__(
        self, kind: Kind, body: Record | dict[str, Any], *, is_start: bool = False, is_measured: bool = True
    ) -> None:
        self.kind = kind
        self.body = body
        self.is_start = is_start
        self.is_measured = is_measured
        self.number = next(_numbers)
        self.size = limits.REPORT_BYTES
        if not is_start and body.__class__ is Record and (content := body.content) is not None:
            self.size += len(content)

    @property
    def content(self) -> Content | None:
        """What was said to the model, if that is to be sent, too."""
        return None if self.is_start or not isinstance(self.body, Record) else self.body.content

    def let_go_of_content(self) -> None:
        """Send the rest alone."""
        if isinstance(self.body, Record):
            self.body.content = None
        self.size = limits.REPORT_BYTES


class Backlog:
    """Entries in order. It does not lock, and leaves to its owner how many are too many.

    Attributes:
        count: how many there are.
        size: the bytes of memory that they take.
        dropped: how many were let go: ``content``, ``calls``, ``feedback``, ``resolutions``.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self.dropped: Counter[str] = Counter()
        self._unmeasured: deque[Entry] = deque()
        self._others: dict[Kind, deque[Entry]] = {
            "calls": deque(), "feedback": deque(), "resolutions": deque()
        }  # fmt: skip
        self._heavy: deque[Entry] = deque()  # those with content, and some that are gone

    def put(self, entry: Entry) -> None:
        """Add one."""
        (self._others[entry.kind] if entry.is_measured else self._unmeasured).append(entry)
        self.count += 1
        self.size += entry.size
        if entry.size > limits.REPORT_BYTES:
            self._heavy.append(entry)

    def take(self, kind: Kind, most: int) -> list[Entry]:
        """Take the oldest ones of a kind out."""
        queues = [self._others[kind], *([self._unmeasured] if kind == "calls" else ())]
        taken: list[Entry] = []
        while len(taken) < most and (filled := [queue for queue in queues if queue]):
            taken.append(self._pop(min(filled, key=_first)))
        while self._heavy and not self._waits(self._heavy[0]):
            self._heavy.popleft()
        return taken

    def put_back(self, entries: list[Entry]) -> None:
        """Undo a `take`."""
        for entry in reversed(entries):
            self._queue_of(entry).appendleft(entry)
            self.count += 1
            self.size += entry.size
            if entry.content:
                self._heavy.appendleft(entry)

    def shed(self) -> bool:
        """Let go of one thing: the oldest content, else the oldest unmeasured entry, else the oldest.

        Returns:
            Whether there was something.
        """
        if self._shed_content():
            return True
        others = [queue for queue in self._others.values() if queue]
        if not self._unmeasured and not others:
            return False
        self.dropped[self._pop(self._unmeasured or min(others, key=_first)).kind] += 1
        return True

    def _shed_content(self) -> bool:
        while self._heavy:
            entry = self._heavy.popleft()
            if entry.content and self._waits(entry):
                self.size -= entry.size - limits.REPORT_BYTES
                entry.let_go_of_content()
                self.dropped["content"] += 1
                return True
        return False

    def _pop(self, queue: deque[Entry]) -> Entry:
        entry = queue.popleft()
        self.count -= 1
        self.size -= entry.size
        return entry

    def _waits(self, entry: Entry) -> bool:
        """Tell whether an entry was not taken or let go: that begins with the oldest."""
        queue = self._queue_of(entry)
        return bool(queue) and queue[0].number <= entry.number

    def _queue_of(self, entry: Entry) -> deque[Entry]:
        return self._others[entry.kind] if entry.is_measured else self._unmeasured


def _first(queue: deque[Entry]) -> int:
    return queue[0].number
