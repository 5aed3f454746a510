"""Share all states with other registries in Redis or Valkey, and wake each other.

It is a view of the journal and nothing more: it may be flushed, restarted empty or restored from last
week at any time, and is brought up to the journal by whoever notices first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry.errors import Unavailable
from registry.journal.position import is_newer, newest
from registry.redis.connection import Link
from registry.rollouts.position import NOWHERE, Position
from registry.rollouts.state import State
from registry.system import failpoints, formats

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 1000  # states in one script: some milliseconds, in which Redis answers nobody else
RECENT = 1000  # changes of which it is told what they changed; who missed more reads everything
RACES = 5  # another registry may bring the Redis store forward between our look and our write
REPORT_SECONDS = 5  # a process that told nothing for so long is gone; it tells something every two seconds
FORGET_SECONDS = 60  # nothing stays behind of an installation that was taken away

# One script, so that nobody ever sees older states than those of the head; and one hash for all, so that they
# come and go together. A state's field is environment/prompt, which neither a head's name can be nor that of
# a mark: those say what the newest changes were about, each in the place of the one `RECENT` before it.
# ARGV: head it must have, head it gets, "1" to begin anew, channel, format, then field and state or mark
# in turn. A key that holds something else than a hash has no head. A state is never replaced by an older
# one: where many are written in parts, another registry may write newer ones in between. Of two epochs that
# of the head is the newer one, whatever their numbers.
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
local format = redis.pcall('HGET', KEYS[1], 'format')
if type(format) == 'string' and format ~= ARGV[5] then return 0 end
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
# ARGV: field and begin of a mark, in turn. The head, and what the marks are about; everything, if a mark is
# not there.
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
_CLEAR = "redis.call('DEL', KEYS[1]); return redis.call('PUBLISH', ARGV[1], '')"
_ALL = "return redis.call('HGETALL', KEYS[1])"
_REMOVE = "return redis.call('HDEL', KEYS[1], ARGV[1])"


class RedisStore:
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

    def head(self) -> Position:
        """The position that the Redis store was last brought to; `NOWHERE`: never."""
        return _parse(self._raw_head())

    def catch_up(self, head: Position, since: Callable[[Position], list[State]]) -> Position:
        """Bring the Redis store up to a head of the journal.

        Args:
            head: ``(epoch, seq)`` of the journal.
            since: gives the states that changed after a position, up to that head.

        Returns:
            The Redis store's head afterwards: greater than `head` if it has seen what the journal has not.
        """
        for _ in range(RACES):
            raw = self._raw_head()
            there = _parse(raw)
            failpoints.reach(failpoints.BOARD_READ)
            if not is_newer(head, there) or self._write(raw, there, head, since):
                return newest(there, head)
        raise Unavailable("others keep changing the states in Redis; try again", code="redis_unavailable")

    def clear(self) -> None:
        """Forget all states and the head: registries bring the view up to their journal again."""
        self._link.run(_CLEAR, self._key, self._channel)

    def read(self) -> list[State]:
        """Every state that the Redis store holds; what cannot be read is left out."""
        return _parse_states(self._link.run(_ALL, self._key))

    def news(self, known: Position, head: Position) -> tuple[Position, list[State]]:
        """The head, and at least the states that changed after a position; all of one moment.

        The head is `(0, 0)`, which promises nothing, if the Redis store was flushed or begun anew meanwhile.

        Args:
            known: epoch and seq; the changes up to it are of no interest.
            head: where the Redis store was a moment ago. If it is further by now, it tells of the rest later.
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
        """What the clock of Redis shows."""
        seconds, micros = self._link.run(_TIME, self._key)
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)

    def wait(self, seconds: float) -> None:
        """Return when a registry tells of a change, or after that time."""
        self._link.wait(self._channel, seconds)

    def put_report(self, process: str, report: str) -> bool:
        """Let the others know a report of this process, for `REPORT_SECONDS`; whether they had one before."""
        return not self._link.run(_TELL, self._reports, process, report, FORGET_SECONDS)

    def reports(self) -> dict[str, bytes]:
        """The reports of all processes that live, by process."""
        found: list[bytes] = self._link.run(_HEAR, self._reports, REPORT_SECONDS)
        return {process.decode(): report for process, report in zip(found[::2], found[1::2], strict=True)}

    def remove_report(self, process: str) -> None:
        """Remove a process's report: it ends."""
        self._link.run(_REMOVE, self._reports, process)

    def _raw_head(self) -> bytes:
        """The head as it is there, possibly nothing of ours. Raises Unavailable (`newer_format`) too."""
        head, number = self._link.run(_HEAD, self._key)
        if number:
            formats.check(int(number) if number.isdigit() else number.decode(), "what Redis holds")
        found: bytes = head
        return found

    def _write(
        self, raw: bytes | str, there: Position, head: Position, since: Callable[[Position], list[State]]
    ) -> bool:
        # Another epoch is another journal, or one that was recovered: what it left is not ours to mix with.
        anew = there.epoch != head.epoch
        newer = since(there if there.seq and not anew else NOWHERE)
        marks = _marks(there, head, newer)
        *parts, last = [newer[start : start + AT_ONCE] for start in range(0, len(newer) or 1, AT_ONCE)]
        for part in parts:  # under the head that is there, or the least of this epoch, which promise less
            there = Position(head.epoch, 0) if anew else there
            if not self._push(raw, there, _fields(part), anew=anew):
                return False
            raw, anew = str(there), False
        done = self._push(raw, head, [*_fields(last), *marks], anew=anew)
        failpoints.reach(failpoints.BOARD_WRITTEN)
        return done

    def _push(self, raw: bytes | str, head: Position, fields: list[str], *, anew: bool) -> bool:
        """Write fields and a head, if the head there is still the one that was seen."""
        return bool(
            self._link.run(
                _PUSH, self._key, raw, str(head), int(anew), self._channel, formats.FORMAT, *fields
            )
        )


def _fields(states: list[State]) -> list[str]:
    return [text for s in states for text in (f"{s.environment}/{s.prompt}", s.model_dump_json())]


def _marks(there: Position, head: Position, newer: list[State]) -> list[str]:
    """Fields and values that say what the newest changes up to a head were about.

    None at all if a state is newer than the head: of what it replaced nobody knows when that changed.
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
    """What can be read of fields and values in turn; marks and the head are no states."""
    return [state for value in pairs[1::2] if (state := _parse_state(value))]


def _parse_state(value: bytes | str) -> State | None:
    try:
        return State.model_validate_json(value)
    except ValidationError:
        return None
