"""What judges said: beside what people said of the same calls, and twice of the same call."""

from __future__ import annotations

import json
from itertools import filterfalse
from typing import TYPE_CHECKING, NamedTuple

from registry.outcomes.store.folding import CHUNK, marks
from registry.review import rules

if TYPE_CHECKING:
    from registry.outcomes.store.database import Connection

MOST_LABELS = 20_000  # the newest, which are compared
MOST_USUAL = 1000  # scores of a name: enough to see that they are all alike


class Judge(NamedTuple):
    """Who judges by what: the name of scores, the model, and the digest of the rubric."""

    name: str
    judge: str
    rubric: str | None


class Labelled(NamedTuple):
    """A score of a call that a person labelled, and why the call was in the queue."""

    judge: Judge
    reasons: int
    is_good: bool
    score: float


class Usual(NamedTuple):
    """What a judge says under one name: how often, and between which values."""

    name: str
    judge: str
    scores: int
    least: float
    most: float


def labelled(connection: Connection, environment: str, prompt: str | None) -> list[Labelled]:
    """Return the scores of labelled calls."""
    condition, values = (" and prompt = ?", [prompt]) if prompt is not None else ("", [])
    found = connection.fetch(
        f"select call, reasons, verdict from labels where environment = ?{condition} "
        "order by at desc, call desc limit ?",
        (environment, *values, MOST_LABELS),
    )
    listed: list[Labelled] = []
    for first in range(0, len(found), CHUNK):
        listed += _scored(connection, found[first : first + CHUNK])
    return listed


def _scored(connection: Connection, labels: list[tuple[bytes, int, str]]) -> list[Labelled]:
    said: dict[bytes, list[tuple[str, str, str, float | None, str | None]]] = {}
    for call, *signal in connection.fetch(
        f"select call, kind, name, judge, value, detail from signals where call in ({marks(labels)}) "
        "and series is not null",
        [call for call, *_ in labels],
    ):
        said.setdefault(call, []).append(tuple(signal))
    listed = []
    for call, reasons, verdict in labels:
        signals = said.get(call, [])
        every = reasons | rules.reasons(call, [(kind, name, value) for kind, name, _, value, _ in signals])
        listed += [
            Labelled(Judge(name, judge, _rubric(detail)), every, verdict == "good", value)
            for kind, name, judge, value, detail in signals
            if kind == "score" and value is not None and not name.endswith(rules.AGAIN)
        ]
    return listed


def twice(
    connection: Connection, environment: str, prompt: str | None, since: int
) -> list[tuple[Judge, float, float]]:
    """Return the first and second scores of calls that were judged twice since a time in milliseconds."""
    condition, values = (
        (" and exists (select 1 from series s where s.series = b.series and s.prompt = ?)", [prompt])
        if prompt is not None
        else ("", [])
    )
    found = []
    for name in filter(_is_again, _names(connection, environment)):
        found += connection.fetch(
            "select a.name, a.judge, a.detail, a.value, b.value from signals b join signals a "
            "on a.call = b.call and a.kind = b.kind and a.name = ? and a.judge = b.judge "
            f"where b.environment = ? and b.kind = 'score' and b.name = ? and b.at >= ?{condition}",
            (name.removesuffix(rules.AGAIN), environment, name, since, *values),
        )
    return [(Judge(name, judge, _rubric(detail)), a, b) for name, judge, detail, a, b in found]


def usual(connection: Connection, environment: str, since: int) -> list[Usual]:
    """Return what each judge said since a time in milliseconds: of each name, the newest scores."""
    found = []
    for name in filterfalse(_is_again, _names(connection, environment)):
        found += connection.fetch(
            "select name, judge, count(*), min(value), max(value) from ("
            "select name, judge, value from signals where environment = ? and kind = 'score' and name = ? "
            "and at >= ? order by at desc limit ?) newest group by name, judge order by judge",
            (environment, name, since, MOST_USUAL),
        )
    return [Usual(*row) for row in found]


def _names(connection: Connection, environment: str) -> list[str]:
    """Return the names of scores, each by one step in the index, however many scores there are."""
    names: list[str] = []
    step = "select min(name) from signals where environment = ? and kind = 'score' and name > ?"
    while name := connection.fetch(step, (environment, names[-1] if names else ""))[0][0]:
        names.append(name)
    return names


def _is_again(name: str) -> bool:
    return name.endswith(rules.AGAIN)


def _rubric(detail: str | None) -> str | None:
    found = json.loads(detail).get("rubric") if detail else None
    return found if isinstance(found, str) else None
