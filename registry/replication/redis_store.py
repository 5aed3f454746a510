"""The view of all states in Redis or Valkey, which registries share and use to wake each other.

It is only a view of the journal: it may be flushed, restarted empty or restored from last week at any time,
and the first registry to notice brings it up to date.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from registry.errors import Unavailable
from registry.journal.position import is_newer, newest
from registry.redis.connection import Link
from registry.rollouts.position import NOWHERE, Position
from registry.rollouts.state import State
from registry.system import failpoints, formats

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 1000  # states in one script: some milliseconds, in which Redis answers no other client
RECENT = 1000  # changes with a mark of what they changed; a reader that missed more reads everything
RACES = 5  # another registry may advance the Redis store between our read and our write
REPORT_SECONDS = 5  # a process without a report for so long is gone; it sends one every two seconds
TURN_SECONDS = 1  # a change over a slow connection fits in; a process that died holds up no longer
FORGET_SECONDS = 60  # nothing stays behind of a removed installation

# One script, so that no reader sees states older than the head; and one hash for all, so that they come and
# go together. A state's field is environment/prompt, which cannot be the name of the head or of a mark: a
# mark names what one of the newest changes was about, in the place of the change `RECENT` before it.
# ARGV: expected head, new head, "1" to start over, channel, format, then pairs of field and state or mark.
# A key that holds something else than a hash has no head. A state is never replaced by an older one: where
# many are written in batches, another registry may write newer ones in between. Of two epochs that of the
# head is the newer one, whatever their numbers.
_HEAD = """
local function text(field)
  local have = redis.pcall('HGET', KEYS[1], field)
  return type(have) == 'string' and have or ''
end
return {text('head'), text('format')}
"""
_PUSH = """
local function position(state)
  local epoch, seq = string.match(state or '', '"epoch":(%d+),"seq":(%d+)')
  return tonumber(epoch or 0), tonumber(seq or 0)
end
local current = tonumber(string.match(ARGV[2], '%d+'))
local function newer(there, state)
  local epoch, seq = position(there)
  local its_epoch, its_seq = position(state)
  if epoch == its_epoch then return seq > its_seq end
  return epoch == current
end
local have = redis.pcall('HGET', KEYS[1], 'head')
if type(have) ~= 'string' then have = '' end
if have ~= ARGV[1] then return 0 end
if ARGV[3] == '1' then redis.call('DEL', KEYS[1]) end
for i = 6, #ARGV, 2 do
  if not newer(redis.call('HGET', KEYS[1], ARGV[i]), ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('HSET', KEYS[1], 'head', ARGV[2], 'format', ARGV[5])
if have ~= ARGV[2] then redis.call('PUBLISH', ARGV[4], ARGV[2]) end
return 1
"""
# ARGV: pairs of a mark's field and beginning. Returns the head and the marked states; everything, if a mark
# is missing.
_NEWER = """
local found = {'head', redis.call('HGET', KEYS[1], 'head') or ''}
for i = 1, #ARGV, 2 do
  local mark = redis.call('HGET', KEYS[1], ARGV[i])
  if not mark or string.sub(mark, 1, #ARGV[i + 1]) ~= ARGV[i + 1] then
    return redis.call('HGETALL', KEYS[1])
  end
  local place = string.sub(mark, #ARGV[i + 1] + 1)
  found[#found + 1] = place
  found[#found + 1] = redis.call('HGET', KEYS[1], place) or ''
end
return found
"""
# The reports of processes: a hash, with the process's id as field and "<time> <report>" as value. The time is
# that of Redis, so that only its clock decides what is old.
# ARGV: process, report, seconds after which the hash expires without new reports.
_TELL = """
local new = redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1] .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return new
"""
# ARGV: seconds after which a report is old, and removed; one from the future shows a clock that was set back.
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
# The change that may be written next, for a moment: a hash, as the others are. ARGV: its id, what it wants,
# seconds. The command EXPIRE is among those that operators allow; SET is not.
_TURN = """
local holder = redis.call('HGET', KEYS[1], 'change')
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == 'take' then
  redis.call('HSET', KEYS[1], 'change', ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
if ARGV[2] == 'end' then redis.call('DEL', KEYS[1]) end
return 1
"""
_TIME = "return redis.call('TIME')"
_CLEAR = "redis.call('DEL', KEYS[1]); return redis.call('PUBLISH', ARGV[1], '')"
_ALL = "return redis.call('HGETALL', KEYS[1])"
_REMOVE = "return redis.call('HDEL', KEYS[1], ARGV[1])"


class RedisStore:
    """The view of all states in Redis; every method raises Unavailable (`redis_unavailable`) on failure."""

    def __init__(self, url: str, prefix: str) -> None:
        # The braces are a hash tag: a Redis Cluster stores all keys with it in one slot.
        self._key = f"{{{prefix}}}:states"
        self._reports = f"{{{prefix}}}:clients"
        self._turn = f"{{{prefix}}}:turn"
        self._channel = f"{{{prefix}}}:changed"
        self._link = Link(url, self._key)

    def close(self) -> None:
        """Close the connections; a running `wait` returns."""
        self._link.close()

    def head(self) -> Position:
        """Return the position of the Redis store; `NOWHERE` if it is empty."""
        return _parse(self._raw_head())

    def catch_up(
        self, head: Position, since: Callable[[Position], list[State]], number: int = formats.NEWEST
    ) -> Position:
        """Bring the Redis store up to date with a head of the journal.

        Args:
            head: ``(epoch, seq)`` of the journal.
            since: returns the states changed after a position, up to that head.
            number: the format of the journal.

        Returns:
            The Redis store's head afterwards: greater than `head` if it has changes that the journal lacks.
        """
        for _ in range(RACES):
            raw = self._raw_head()
            there = _parse(raw)
            failpoints.reach(failpoints.BOARD_READ)
            if not is_newer(head, there) or self._write(raw, there, head, since, number):
                return newest(there, head)
        raise Unavailable("others keep changing the states in Redis; try again", code="redis_unavailable")

    def clear(self) -> None:
        """Delete all states and the head: registries rebuild the view from their journal."""
        self._link.run(_CLEAR, self._key, self._channel)

    def read(self) -> list[State]:
        """Return every state in the Redis store; unreadable ones are left out."""
        return _parse_states(self._link.run(_ALL, self._key))

    def changes_since(self, known: Position, head: Position) -> tuple[Position, list[State]]:
        """Return the head, and at least the states changed after a position; all of one moment.

        The head is `(0, 0)`, which promises nothing, if the Redis store was flushed or restarted meanwhile.

        Args:
            known: the position up to which the caller has everything.
            head: the Redis store's head a moment ago. Changes after it may be left to the next call.
        """
        if known.epoch != head.epoch or head.seq - known.seq > RECENT:
            found = self._link.run(_ALL, self._key)
        else:
            seqs = range(known.seq + 1, head.seq + 1)
            wanted = [text for seq in seqs for text in (_field(seq), _mark(head.epoch, seq))]
            found = self._link.run(_NEWER, self._key, *wanted)
        there = _parse(dict(zip(found[::2], found[1::2], strict=True)).get(b"head", b""))
        return min(there, head) if there.epoch == head.epoch else NOWHERE, _parse_states(found)

    def time(self) -> datetime:
        """Return the time by the clock of Redis."""
        seconds, micros = self._link.run(_TIME, self._key)
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)

    def wait(self, seconds: float) -> None:
        """Return when a registry announces a change, or after that time."""
        self._link.wait(self._channel, seconds)

    def put_report(self, process: str, report: str) -> bool:
        """Publish a report of this process, for `REPORT_SECONDS`; return whether there was one before."""
        return not self._link.run(_TELL, self._reports, process, report, FORGET_SECONDS)

    def reports(self) -> dict[str, bytes]:
        """Return the reports of all live processes, by process."""
        found: list[bytes] = self._link.run(_HEAR, self._reports, REPORT_SECONDS)
        return {process.decode(): report for process, report in zip(found[::2], found[1::2], strict=True)}

    def remove_report(self, process: str) -> None:
        """Remove the report of a process that ends."""
        self._link.run(_REMOVE, self._reports, process)

    def turn(self, change: str, wanted: Literal["look", "take", "end"]) -> bool:
        """Return whether a change may be written now: no other one has the turn.

        It is only a courtesy among registries that overtake each other; nothing relies on it.

        Args:
            change: its id.
            wanted: look at it alone, take it for `TURN_SECONDS`, or end it.
        """
        return bool(self._link.run(_TURN, self._turn, change, wanted, TURN_SECONDS))

    def format(self) -> int:
        """The format of what Redis holds, which is the journal's. Raises Unavailable (`newer_format`) too."""
        return self._raw()[1]

    def _raw_head(self) -> bytes:
        """Read the stored head, which may not be valid. Raises Unavailable (`newer_format`) too."""
        return self._raw()[0]

    def _raw(self) -> tuple[bytes, int]:
        head, number = self._link.run(_HEAD, self._key)
        found = int(number) if number.isdigit() else number.decode() or formats.FIRST
        formats.check(found, "what Redis holds")
        return head, int(found)

    def _write(
        self,
        raw: bytes | str,
        there: Position,
        head: Position,
        since: Callable[[Position], list[State]],
        number: int,
    ) -> bool:
        # Another epoch is another journal, or a recovered one: its states must not be mixed with ours.
        reset = there.epoch != head.epoch
        newer = since(there if there.seq and not reset else NOWHERE)
        marks = _marks(there, head, newer)
        *parts, last = [newer[start : start + AT_ONCE] for start in range(0, len(newer) or 1, AT_ONCE)]
        for part in parts:  # under the present head, or the least of this epoch, which promise less
            there = Position(head.epoch, 0) if reset else there
            if not self._push(raw, there, _fields(part), number, reset=reset):
                return False
            raw, reset = str(there), False
        done = self._push(raw, head, [*_fields(last), *marks], number, reset=reset)
        failpoints.reach(failpoints.BOARD_WRITTEN)
        return done

    def _push(self, raw: bytes | str, head: Position, fields: list[str], number: int, *, reset: bool) -> bool:
        """Write fields and a head, if the stored head is still the one that was read."""
        return bool(
            self._link.run(_PUSH, self._key, raw, str(head), int(reset), self._channel, number, *fields)
        )


def _fields(states: list[State]) -> list[str]:
    return [text for s in states for text in (f"{s.environment}/{s.prompt}", s.model_dump_json())]


def _marks(there: Position, head: Position, newer: list[State]) -> list[str]:
    """Return fields and values that mark what the newest changes up to a head were about.

    Empty if a state is newer than the head: when the replaced state had changed is unknown.
    """
    if newer and is_newer(newer[0].position, head):
        return []
    known = there.seq if there.epoch == head.epoch else 0
    places = {state.position: f"{state.environment}/{state.prompt}" for state in newer[:RECENT]}
    return [
        text
        for seq in range(max(known, head.seq - RECENT) + 1, head.seq + 1)
        for text in (_field(seq), _mark(head.epoch, seq) + places.get(Position(head.epoch, seq), ""))
    ]


def _field(seq: int) -> str:
    return f"@{seq % RECENT}"


def _mark(epoch: int, seq: int) -> str:
    return f"{Position(epoch, seq)} "


def _parse(raw: bytes) -> Position:
    return Position.parse(raw.decode("ascii", "replace")) or NOWHERE


def _parse_states(pairs: list[bytes]) -> list[State]:
    """Parse pairs of field and value; skip marks, the head, and unreadable states."""
    return [state for value in pairs[1::2] if (state := _parse_state(value))]


def _parse_state(value: bytes | str) -> State | None:
    try:
        return State.model_validate_json(value)
    except ValidationError:
        return None
