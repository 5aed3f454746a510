"""Count open streams, and how many of them have each release of a prompt.

Counts change as streams open, are written to and close, so that reading them costs nothing per stream.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from promptstage.model import EDITION
from registry.journal.position import is_newer
from registry.rollouts.position import Position
from registry.system import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key = TypeVar("Key")

NOTHING = Position(-1, -1)  # of a stream that was never written a release


class StreamCounts:
    """The streams of one process, by environment, and by environment, prompt and position."""

    def __init__(self) -> None:
        self.streams: Counter[str] = Counter()
        self.held: Counter[tuple[str, str, Position]] = Counter()
        self.too_old: Counter[tuple[str, str]] = Counter()  # read the first edition of documents alone

    def open(self, environment: str, held: Mapping[str, Position], edition: int = 1) -> None:
        """Count a stream that opens with these positions by prompt, of a client that reads this edition."""
        self.streams[environment] += 1
        for prompt, position in held.items():
            self.held[environment, prompt, position] += 1
            if edition < EDITION:
                self.too_old[environment, prompt] += 1

    def close(self, environment: str, held: Mapping[str, Position], edition: int = 1) -> None:
        """Discount a stream that closes with these positions."""
        _take(self.streams, environment)
        for prompt, position in held.items():
            _take(self.held, (environment, prompt, position))
            if edition < EDITION:
                _take(self.too_old, (environment, prompt))

    def open_one(self, environment: str, prompt: str, edition: int = 1) -> None:
        """Count one more known name of a stream, without a release yet."""
        self.held[environment, prompt, NOTHING] += 1
        if edition < EDITION:
            self.too_old[environment, prompt] += 1

    def move(self, environment: str, prompt: str, before: Position, after: Position) -> None:
        """Count a stream's new position of a prompt."""
        _take(self.held, (environment, prompt, before))
        self.held[environment, prompt, after] += 1

    def copy(self) -> StreamCounts:
        """Return a copy, which no longer changes."""
        made = StreamCounts()
        made.streams.update(self.streams)
        made.held.update(self.held)
        made.too_old.update(self.too_old)
        return made

    def dump(self) -> str:
        """Return the counts, and the newest format that this process knows, as JSON for other processes."""
        held = [(place, prompt, *position, n) for (place, prompt, position), n in self.held.items()]
        too_old = [(*place, n) for place, n in self.too_old.items()]
        report = {"streams": self.streams, "held": held, "too_old": too_old, "format": formats.NEWEST}
        return json.dumps(report)


def load(text: bytes) -> StreamCounts:
    """Load the dump of another process. Raises ValueError."""
    stream_counts = StreamCounts()
    try:
        found = json.loads(text)
        stream_counts.streams.update(
            {str(environment): int(n) for environment, n in found["streams"].items()}
        )
        for environment, prompt, epoch, seq, count in found["held"]:
            stream_counts.held[environment, prompt, Position(epoch, seq)] += int(count)
        # An earlier registry has not heard of editions: for all that is known, its clients are as old.
        everyone = [(environment, prompt, count) for environment, prompt, _, _, count in found["held"]]
        for environment, prompt, count in found.get("too_old", everyone):
            stream_counts.too_old[environment, prompt] += int(count)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not the counts of streams") from error
    return stream_counts


def count(
    tallies: Iterable[StreamCounts], environment: str, newest: Mapping[str, Position]
) -> dict[str, tuple[int, int]]:
    """Add up the counts of several processes.

    Args:
        tallies: the counts of each process.
        environment: that of the streams.
        newest: the position by prompt that counts as current; for a prompt without one, any does.

    Returns:
        By prompt: how many streams follow it, and how many of these are current.
    """
    connected: Counter[str] = Counter()
    current: Counter[str] = Counter()
    for stream_counts in tallies:
        for (place, prompt, position), number in stream_counts.held.items():
            if place == environment:
                connected[prompt] += number
                current[prompt] += number * (not is_newer(newest.get(prompt, NOTHING), position))
    return {prompt: (connected[prompt], current[prompt]) for prompt in connected}


def _take(counter: Counter[Key], key: Key) -> None:
    """Count one less, and drop zeros, so that names without followers do not accumulate."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
