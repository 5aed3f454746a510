"""The spans of a trace become its calls, each counted once however many instrumentations saw it.

A pure function of the spans that have arrived, in whatever order: when more arrive, it is asked again, and
what it says then replaces what it said before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from itertools import combinations, islice
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp.merged import TOKENS, Merged, one_a_record
from registry.outcomes.otlp.observation import Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.outcomes.otlp.observation import Observation

    Spans = Mapping[str, Observation]  # by id
    Pair = tuple[tuple[int, int, int, str, str], Observation, Observation]  # how close, and which two

_DEEPEST = 100  # ancestors looked at: a parent may be missing, and bad data may turn in circles
_MOST_ALIKE = 50  # spans that are compared with each other, or of siblings with the next ones
_SDKS = ("com.anthropic.sdk.",)  # scopes of SDKs themselves: they know what was billed
_BY_ID, _BY_ANCESTOR, _BY_SIBLING = range(3)  # why two are the same, the surest first


def calls(trace: Iterable[Observation], chosen: Mapping[str, tuple[str, ...]]) -> list[Merged]:
    """Return the calls of a trace.

    Args:
        trace: its spans; of two with one id the first one counts.
        chosen: by span, the names of tools that log records say it called.
    """
    spans: dict[str, Observation] = {}
    for span in trace:
        spans.setdefault(span.span_id, span)
    depths = {span.span_id: len(list(_ancestors(span, spans))) for span in spans.values() if span.said}
    groups = (
        sorted(group, key=lambda span: (depths[span.span_id], span.start, -span.end, span.span_id))
        for group in _groups([spans[span_id] for span_id in sorted(depths)], spans)
    )
    return list(one_a_record(_merged(group, spans, chosen) for group in groups))


def _ancestors(span: Observation, spans: Spans) -> Iterator[Observation]:
    """Yield the known ancestors, the nearest one first."""
    for _ in range(_DEEPEST):
        parent = spans.get(span.parent_id)
        if parent is None:
            return
        yield parent
        span = parent


def _groups(found: Sequence[Observation], spans: Spans) -> Iterator[list[Observation]]:
    """Yield the spans of each call: the closest pairs are joined first, never two of one scope."""
    groups = {span.span_id: [span] for span in found}
    for _, one, other in sorted(_pairs(found, spans), key=lambda pair: pair[0]):
        mine, others = groups[one.span_id], groups[other.span_id]
        if {span.scope for span in mine}.isdisjoint(span.scope for span in others):
            mine += others
            groups.update({span.span_id: mine for span in others})
    return iter({id(group): group for group in groups.values()}.values())


def _pairs(found: Sequence[Observation], spans: Spans) -> Iterator[Pair]:
    """Yield what may be one call: by response id; where either has none, by place in the trace and time."""
    by_response: dict[str | None, list[Observation]] = defaultdict(list)
    by_parent: dict[str, list[Observation]] = defaultdict(list)
    for span in sorted(found, key=lambda span: (span.start, -span.end, span.span_id)):
        by_response[_response_id(span)].append(span)
        by_parent[span.parent_id].append(span)
        for distance, ancestor in enumerate(_ancestors(span, spans)):
            if ancestor.said and _is_within(span, ancestor):
                yield _pair(_BY_ANCESTOR, distance, ancestor, span)
    by_response.pop(None, None)
    for same in by_response.values():
        for one, other in combinations(same[:_MOST_ALIKE], 2):
            yield _pair(_BY_ID, 0, one, other)
    for siblings in by_parent.values():
        for place, outer in enumerate(siblings):
            for inner in islice(siblings, place + 1, place + 1 + _MOST_ALIKE):
                if _is_within(inner, outer):
                    yield _pair(_BY_SIBLING, 0, outer, inner)


def _pair(why: int, distance: int, one: Observation, other: Observation) -> Pair:
    apart = abs((one.end - one.start) - (other.end - other.start))
    return (why, distance, apart, one.span_id, other.span_id), one, other


def _response_id(span: Observation) -> str | None:
    return span.said.response_id if span.said else None


def _is_within(inner: Observation, outer: Observation) -> bool:
    """Return whether a span's time is within another's, and nothing else says that they are two calls."""
    ids = {_response_id(inner), _response_id(outer)}
    return (None in ids or len(ids) == 1) and 0 < outer.start <= inner.start and inner.end <= outer.end


def _merged(group: Sequence[Observation], spans: Spans, chosen: Mapping[str, tuple[str, ...]]) -> Merged:
    """Return the call of these spans, the outermost one first."""
    prompts = [span.prompt for span in group] + [
        ancestor.prompt for span in group for ancestor in _ancestors(span, spans)
    ]
    outer = group[0]
    return Merged(
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        also_spans=tuple(span.span_id for span in group[1:]),
        start=outer.start,
        prompt=next((prompt for prompt in prompts if prompt), None),
        said=_said(group, chosen),
    )


def _said(group: Sequence[Observation], chosen: Mapping[str, tuple[str, ...]]) -> Said:
    """Return the outermost span's values, and the inner ones' where it has none."""
    said = [span.said for span in group if span.said]
    billed = [span.said for span in group if span.said and span.scope.startswith(_SDKS)] + said
    values = {
        field.name: _first(billed if field.name in TOKENS else said, field.name) for field in fields(Said)
    }
    called = [*(chosen.get(span.span_id) for span in group), *(one.tool_calls for one in said)]
    unknown = None in (one.tool_calls for one in said)
    return Said(**values | {"tool_calls": next(filter(None, called), None if unknown else ())})


def _first(said: Iterable[Said], name: str) -> Any:
    return next((value for one in said if (value := getattr(one, name)) is not None), None)
