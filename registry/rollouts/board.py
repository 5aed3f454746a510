"""The board: all states in one Redis or Valkey, where registries share them and wake each other.

It is a view of the journal and nothing more: it may be flushed, restarted empty or restored from last
week at any time, and is brought up to the journal by whoever notices first.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry import failpoints
from registry.errors import Unavailable
from registry.rollouts.redis_link import Link
from registry.rollouts.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable

RACES = 5  # another registry may bring the board forward between our look and our write
REPORT_SECONDS = 5  # a process that told nothing for so long is gone; it tells something every two seconds
FORGET_SECONDS = 60  # nothing stays behind of an installation that was taken away
NOWHERE = (0, 0)

# One script, so that nobody ever sees states of one head under the name of another; and one hash for both,
# so that they come and go together. A state's field is environment/prompt, which no head's name can be.
# ARGV: head it must have, head it gets, "1" to begin anew, channel, then field and state
# in turn. A key that holds something else than a hash has no head.
_HEAD = """
local have = redis.pcall('HGET', KEYS[1], 'head')
return type(have) == 'string' and have or ''
"""
_PUSH = """
local have = redis.pcall('HGET', KEYS[1], 'head')
if type(have) ~= 'string' then have = '' end
if have ~= ARGV[1] then return 0 end
if ARGV[3] == '1' then redis.call('DEL', KEYS[1]) end
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'head', ARGV[2])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
"""
# What each process tells of itself: a hash, with the process's id as field and "<time> <report>" as value.
# The time is that of Redis, so that no clock but its own decides what is old.
# ARGV: process, report, seconds after which the hash goes if nobody tells anything any more.
_TELL = """
local new = redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1] .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return new
"""
# ARGV: seconds after which a report is old, and removed; one from the future is of a clock that was set back.
_HEAR = """
local now, all, found = tonumber(redis.call('TIME')[1]), redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local at, report = string.match(all[i + 1], '^(%d+) (.*)$')
  if at and math.abs(now - at) <= tonumber(ARGV[1]) then
    found[#found + 1] = all[i]
    found[#found + 1] = report
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return found
"""
_TIME = "return redis.call('TIME')"
_ALL = "return redis.call('HGETALL', KEYS[1])"
_REMOVE = "return redis.call('HDEL', KEYS[1], ARGV[1])"
_POSITION = re.compile(rb"([0-9]{1,18})\.([0-9]{1,18})")


class Board:
    """The view of all states in Redis; every method raises Unavailable (`redis_unavailable`) without it."""

    def __init__(self, url: str, prefix: str) -> None:
        # The braces are a hash tag: a Redis Cluster keeps all that begins so in one slot.
        self._key = f"{{{prefix}}}:states"
        self._reports = f"{{{prefix}}}:clients"
        self._channel = f"{{{prefix}}}:changed"
        self._link = Link(url, self._key)

    def close(self) -> None:
        """End the connections; a `wait` under way returns."""
        self._link.close()

    def head(self) -> tuple[int, int]:
        """``(epoch, seq)`` that the board was last brought to; ``(0, 0)``: never."""
        return _parse(self._raw_head())

    def catch_up(self, head: tuple[int, int], states: Iterable[State]) -> tuple[int, int]:
        """Bring the board up to a head of the journal.

        Args:
            head: ``(epoch, seq)`` of the journal.
            states: all states at that head.

        Returns:
            The board's head afterwards: greater than `head` if it has seen what the journal has not.
        """
        kept = list(states)
        for _ in range(RACES):
            raw = self._raw_head()
            there = _parse(raw)
            failpoints.reach(failpoints.BOARD_READ)
            if there >= head or self._write(raw, there, head, kept):
                return max(there, head)
        raise Unavailable("others keep changing the states in Redis; try again", code="redis_unavailable")

    def read(self) -> list[State]:
        """Every state that the board holds; what cannot be read is left out."""
        values: list[bytes] = self._link.run(_ALL, self._key)[1::2]
        return [state for value in values if (state := _parse_state(value))]

    def time(self) -> datetime:
        """What the clock of Redis shows."""
        seconds, micros = self._link.run(_TIME, self._key)
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)

    def wait(self, seconds: float) -> None:
        """Return when a registry tells of a change, or after that time."""
        self._link.wait(self._channel, seconds)

    def tell(self, process: str, report: str) -> bool:
        """Let the others know a report of this process, for `REPORT_SECONDS`; whether they had one before."""
        return not self._link.run(_TELL, self._reports, process, report, FORGET_SECONDS)

    def hear(self) -> dict[str, bytes]:
        """The reports of all processes that live, by process."""
        found: list[bytes] = self._link.run(_HEAR, self._reports, REPORT_SECONDS)
        return {process.decode(): report for process, report in zip(found[::2], found[1::2], strict=True)}

    def retract(self, process: str) -> None:
        """Remove a process's report: it ends."""
        self._link.run(_REMOVE, self._reports, process)

    def _raw_head(self) -> bytes:
        """The head as it is there, possibly nothing of ours."""
        found: bytes = self._link.run(_HEAD, self._key)
        return found

    def _write(self, raw: bytes, there: tuple[int, int], head: tuple[int, int], states: list[State]) -> bool:
        # Another epoch is another journal, or one that was recovered: what it left is not ours to mix with.
        anew = there[0] != head[0]
        newer = states if anew else [state for state in states if state.position > there]
        fields = [text for s in newer for text in (f"{s.environment}/{s.prompt}", s.model_dump_json())]
        target = f"{head[0]}.{head[1]}"
        done = bool(self._link.run(_PUSH, self._key, raw, target, int(anew), self._channel, *fields))
        failpoints.reach(failpoints.BOARD_WRITTEN)
        return done


def _parse(raw: bytes) -> tuple[int, int]:
    found = _POSITION.fullmatch(raw)
    return (int(found[1]), int(found[2])) if found else NOWHERE


def _parse_state(value: bytes | str) -> State | None:
    try:
        return State.model_validate_json(value)
    except ValidationError:
        return None
