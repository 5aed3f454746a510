"""The queue of calls that people look at, and what they said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from registry.outcomes.store.folding import marks
from registry.outcomes.store.samples import COLUMNS
from registry.review import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.outcomes.store.database import Connection

SKIPS = 3  # by whomever; then nobody can say
_OPEN = "environment = ? and reasons <> 0 and is_done = 0"


class Person(NamedTuple):
    """Who reviews: the id of a token, and its name."""

    token: str
    name: str


class Sample(NamedTuple):
    """A call whose content is kept; the columns of the table."""

    call: bytes
    environment: str
    prompt: str | None
    version: str | None
    place: int
    judged: int
    reasons: int
    queued: int
    is_done: int
    skips: int
    holder: str
    holder_name: str
    until: int


class Label(NamedTuple):
    """What a person said of a call; the columns of the table."""

    call: bytes
    environment: str
    prompt: str | None
    version: str | None
    reasons: int
    verdict: str
    expected: str | None
    note: str | None
    tags: str | None
    is_case: int
    token: str
    name: str
    at: int
    pulled: int | None
    case_id: str | None


class Waiting(NamedTuple):
    """How many calls wait for people in an environment, and since when, in milliseconds since 1970."""

    environment: str
    calls: int
    since: int


def waiting(connection: Connection) -> list[Waiting]:
    """Return what waits, by environment."""
    found = connection.fetch(
        "select environment, count(*), min(queued) from samples where reasons <> 0 and is_done = 0 "
        "group by environment order by environment"
    )
    return [Waiting(environment, int(calls), int(since)) for environment, calls, since in found]


def count(connection: Connection, environment: str, prompt: str | None) -> int:
    """Return how many calls wait."""
    condition, values = _of(prompt)
    ((found,),) = connection.fetch(
        f"select count(*) from samples where {_OPEN}{condition}", (environment, *values)
    )
    return int(found)


def waits(
    connection: Connection, environment: str, prompt: str | None, limit: int, after: tuple[int, int] | None
) -> list[Sample]:
    """Return calls that wait, in order: those that were skipped least, then by the hash of their ids.

    Args:
        connection: the database.
        environment: where.
        prompt: None: of any.
        limit: how many.
        after: skips and place of the last one of the page before.
    """
    condition, values = _of(prompt)
    if after:
        condition += " and (skips > ? or (skips = ? and place > ?))"
        values += [after[0], after[0], after[1]]
    found = connection.fetch(
        f"select {', '.join(COLUMNS)} from samples where {_OPEN}{condition} order by skips, place limit ?",
        (environment, *values, limit),
    )
    return [Sample(*row) for row in found]


def sample(connection: Connection, environment: str, call: bytes) -> Sample | None:
    """Return a call whose content is kept; None: it is not, or is of another environment."""
    found = connection.fetch(
        f"select {', '.join(COLUMNS)} from samples where environment = ? and call = ?", (environment, call)
    )
    return Sample(*found[0]) if found else None


def claim(connection: Connection, call: bytes, person: Person, now: int, until: int) -> bool:
    """Let a person have a call for a while; one that nothing put into the queue is now chosen.

    Returns:
        False if another person has it, or it is done.
    """
    return bool(
        connection.execute(
            "update samples set holder = ?, holder_name = ?, until = ?, "
            f"reasons = case when reasons = 0 then {rules.CHOSEN} else reasons end, "
            "queued = case when queued = 0 then ? else queued end "
            "where call = ? and is_done = 0 and (holder = ? or until < ?)",
            (*person, until, now, call, person.token, now),
        )
    )


def finish(connection: Connection, call: bytes, person: Person, now: int) -> bool:
    """Take a call out of the queue; False if another person has it now."""
    return bool(
        connection.execute(
            "update samples set is_done = 1, until = 0 where call = ? and (holder = ? or until < ?)",
            (call, person.token, now),
        )
    )


def skip(connection: Connection, call: bytes, person: Person, now: int) -> bool:
    """Put a call behind the others, the third time out of the queue; False if another person has it now."""
    return bool(
        connection.execute(
            "update samples set skips = skips + 1, until = 0, holder = '', holder_name = '', "
            f"is_done = case when skips + 1 >= {SKIPS} then 1 else is_done end "
            "where call = ? and (holder = ? or until < ?)",
            (call, person.token, now),
        )
    )


def put_label(connection: Connection, label: Label) -> bool:
    """Keep what a person said; False if another person said something, or it is in git."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in Label._fields[4:-2])
    return bool(
        connection.execute(
            f"insert into labels ({', '.join(Label._fields)}) values ({marks(Label._fields)}) "
            f"on conflict (call) do update set {changed} "
            "where labels.token = excluded.token and labels.pulled is null",
            label,
        )
    )


def label_of(connection: Connection, call: bytes) -> Label | None:
    """Return what a person said of a call."""
    found = connection.fetch(f"select {', '.join(Label._fields)} from labels where call = ?", (call,))
    return Label(*found[0]) if found else None


def labels(
    connection: Connection,
    environment: str,
    where: Mapping[str, object],
    limit: int,
    after: tuple[int, bytes] | None = None,
) -> list[Label]:
    """Return labels, the newest first.

    Args:
        connection: the database.
        environment: where.
        where: `prompt`, `since` (milliseconds), `case` and `pulled` (whether it is), those that matter.
        limit: how many.
        after: time and call of the last one of the page before.
    """
    meanings = {
        "prompt": "prompt = ?",
        "since": "at >= ?",
        "case": "is_case = ?",
        "pulled": "(pulled is not null) = (? = 1)",
    }
    given = {name: value for name, value in where.items() if value is not None}
    condition = "".join(f" and {meanings[name]}" for name in given)
    values: list[Any] = [int(v) if isinstance(v, bool) else v for v in given.values()]
    if after:
        condition += " and (at < ? or (at = ? and call < ?))"
        values += [after[0], *after]
    found = connection.fetch(
        f"select {', '.join(Label._fields)} from labels where environment = ?{condition} "
        "order by at desc, call desc limit ?",
        (environment, *values, limit),
    )
    return [Label(*row) for row in found]


def pull(connection: Connection, environment: str, cases: Sequence[tuple[bytes, str]], now: int) -> int:
    """Note which labels are cases in git now, and by which ids; return how many were not before."""
    return sum(
        connection.execute(
            "update labels set pulled = ?, case_id = ? "
            "where call = ? and environment = ? and is_case = 1 and pulled is null",
            (now, case, call, environment),
        )
        for call, case in cases
    )


def comments(connection: Connection, call: bytes) -> list[tuple[str, str]]:
    """Return the kinds of feedback on a call, and the details of it, as JSON."""
    return [
        (str(name), str(detail))
        for name, detail in connection.fetch(
            "select name, detail from signals where call = ? and kind = 'feedback' and detail is not null",
            (call,),
        )
    ]


def _of(prompt: str | None) -> tuple[str, list[Any]]:
    return (" and prompt = ?", [prompt]) if prompt is not None else ("", [])
