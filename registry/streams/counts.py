"""Count open streams, and how many of them have which release of which prompt.

Counted as streams come, are written to and go, so that looking at it costs nothing for each stream.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from registry.journal.position import is_newer
from registry.rollouts.position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key = TypeVar("Key")

NOTHING = Position(-1, -1)  # what a stream has that was never written a release


class StreamCounts:
    """The streams of one process, by environment, and by environment, prompt and position."""

    def __init__(self) -> None:
        self.streams: Counter[str] = Counter()
        self.held: Counter[tuple[str, str, Position]] = Counter()

    def open(self, environment: str, held: Mapping[str, Position]) -> None:
        """Count a stream that begins with these positions by prompt."""
        self.streams[environment] += 1
        for prompt, position in held.items():
            self.held[environment, prompt, position] += 1

    def close(self, environment: str, held: Mapping[str, Position]) -> None:
        """Count a stream no more that ends with these positions."""
        _take(self.streams, environment)
        for prompt, position in held.items():
            _take(self.held, (environment, prompt, position))

    def open_one(self, environment: str, prompt: str) -> None:
        """Count that one more name of a stream is known, of which it has nothing yet."""
        self.held[environment, prompt, NOTHING] += 1

    def move(self, environment: str, prompt: str, before: Position, after: Position) -> None:
        """Count that one stream has another position of a prompt."""
        _take(self.held, (environment, prompt, before))
        self.held[environment, prompt, after] += 1

    def copy(self) -> StreamCounts:
        """The same numbers, which change no more."""
        made = StreamCounts()
        made.streams.update(self.streams)
        made.held.update(self.held)
        return made

    def dump(self) -> str:
        """The numbers as JSON, for other processes."""
        held = [(place, prompt, *position, n) for (place, prompt, position), n in self.held.items()]
        return json.dumps({"streams": self.streams, "held": held})


def load(text: bytes) -> StreamCounts:
    """Read what another process dumped. Raises ValueError."""
    stream_counts = StreamCounts()
    try:
        found = json.loads(text)
        stream_counts.streams.update(
            {str(environment): int(n) for environment, n in found["streams"].items()}
        )
        for environment, prompt, epoch, seq, count in found["held"]:
            stream_counts.held[environment, prompt, Position(epoch, seq)] += int(count)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a tally") from error
    return stream_counts


def count(
    tallies: Iterable[StreamCounts], environment: str, newest: Mapping[str, Position]
) -> dict[str, tuple[int, int]]:
    """Add several processes up.

    Args:
        tallies: one of each process.
        environment: of which streams.
        newest: the position by prompt that counts as current; of a prompt that is not there, any does.

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
    """Count one less, and keep no zeros: names that nobody follows any more must not add up."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
