"""Pages of calls: sums, single ones, and those that people review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.documented_api import CALL, E, P, answering

from registry.api.docs import examples, review_shapes
from registry.console import outcomes, review

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json


def calls() -> Iterator[tuple[str, Json]]:
    """Sums and single calls, with all that is known of them and with nothing."""
    (row,), (alert,) = examples.USAGE["data"], examples.ALERTS["data"]
    named = {**row, "prompt": "summarize", "version": "1.3.0"}
    unknown = {
        **named,
        "prompt": None,
        "calls": 0,
        "cost_usd": None,
        "unpriced": 3,
        "p50_ms": None,
        "p95_ms": None,
        "feedback": {},
    }
    calm = {**alert, "state": "ok", "firing_since": None, "value": None}
    rows = {"data": [named, unknown], "totals": [named, unknown], "next_cursor": None}
    full = answering({f"{P}/usage": rows, f"{P}/alerts": {"data": [alert, calm]}})
    for by in ("prompt", "version"):
        yield "usage.html", outcomes.summed(full, E, {"by": by, "prompt": "summarize"})
    none: Json = {"data": [], "totals": [], "next_cursor": None}
    bare = answering({f"{P}/usage": none, f"{P}/budgets": None, f"{P}/alerts": None})
    yield "usage.html", outcomes.summed(bare, E, {})
    score = {"name": "helpful", "value": 0.2, "judge": "gpt", "at": CALL["at"]}
    started = {"id": CALL["id"], "at": CALL["at"], "cost_usd": None}  # what is not known is left out
    unfinished = {**started, "feedback": [], "scores": [], "flags": [], "sampled": True, "ended": False}
    whole = {
        **CALL,
        "error": "Timeout",
        "scores": [score],
        "sampled": True,
        "flags": ["odd"],
        "response": "ok",
    }
    listed = {"data": [CALL, whole, unfinished], "next_cursor": "c"}
    yield "calls.html", outcomes.listed(answering({f"{P}/calls": listed}), E, {"prompt": "summarize"})
    yield "calls.html", outcomes.listed(answering({f"{P}/calls": {"data": [], "next_cursor": None}}), E, {})
    for call in (CALL, whole, {**unfinished, "parameters": None, "tool_calls": []}):
        for content in (False, True):
            found: Any = answering({f"{P}/calls/{CALL['id']}": call})
            yield "call.html", outcomes.one_call(found, E, CALL["id"], content=content)


def reviews() -> Iterator[tuple[str, Json]]:
    """The review pages: the queue, the labels, and a call with and without its input."""
    api: Any = answering()
    waiting = review.waiting(api, E, "summarize")
    claimed = review_shapes.EXAMPLES["Claimed"]
    judged = {"verdict": "bad", "call": "c", **review_shapes.EXAMPLES["Labelled"]}
    bare_label = {**judged["label"], "case": False}
    said = {**judged, "label": bare_label, "scores": []}
    (label,) = review_shapes.EXAMPLES["LabelPage"]["data"]
    labels = [label, {**label, "case_id": "late", "verdict": "good"}, {**label, "case": False}]
    yield "review.html", {**waiting, "done": labels, "said": judged}
    more = {**waiting, "queue": {**waiting["queue"], "open": 2}}
    yield "review.html", more
    bare = {"queue": {"open": 0, "data": []}, "done": [], "judges": [], "prompt": ""}
    yield "review.html", {**bare, "said": {**said, "refused": "another was faster"}}
    yield "review.html", bare
    good = {**judged, "scores": [{**judged["scores"][0], "value": 0.9, "judge": None}]}
    for one in (judged, good, said, None):
        yield "review_item.html", {**waiting, "item": claimed, "said": one, **review._parts(claimed)}
    signals = {"feedback": [{"kind": "down"}], "flags": ["made_up"]}
    quiet = {**claimed, "content": {**claimed["content"], "variables": {}, "response": None, **signals}}
    yield "review_item.html", {**more, "item": quiet, "said": None, **review._parts(quiet)}
