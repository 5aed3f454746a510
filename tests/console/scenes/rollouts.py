"""Pages of what is in force and of what moves it: the overview, rollouts, changes and their history."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from console.documented_api import STATE, E, P, answering, with_states
from console.scenes.states import ASKED, FLAT, GUARD_ACT, GUARDED, NOTHING, PAUSED

from registry.api.docs import evidence, examples, suites
from registry.console import actions, overview, records, rollout
from registry.wording.preview import Order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

HARM = {
    **evidence.EXAMPLE,
    "verdict": "harm",
    "misassigned": 3,
    "over_time": {"times": [1_795_000_000, 1_795_003_600], "e": {"errors": [1.0, 80.0]}},
}
COST = {
    "name": "cost",
    "steps": [{"percent": 5, "canary": {"n": 9, "sum": 90}, "control": {"n": 0, "sum": 0}}],
    "e": 1.0,
    "threshold": 60.0,
    "p": 1.0,
    "difference": None,
    "interval": [None, None],
    "needs": None,
}


def overviews() -> Iterator[tuple[str, Json]]:
    """What moves, waits, is spent and rings; a registry that is ill, or has nothing."""
    bad = {**examples.EXAMINATION, "checks": [{**examples.EXAMINATION["checks"][0], "status": "error"}]}
    (budget,) = examples.BUDGETS["data"]
    full = answering(
        {
            f"{P}/rollouts": {"data": [GUARDED, PAUSED, ASKED, FLAT, *[FLAT] * overview.SHOWN]},
            "/v1/doctor": bad,
            f"{P}/budgets": {"data": [budget, {**budget, "unpriced": 0}]},
        }
    )
    yield "overview.html", overview.content(full, E, "")
    yield "overview.html", overview.content(full, E, "no such")
    ill = answering(dict.fromkeys(("/v1/doctor", f"{P}/budgets", f"{P}/alerts", f"{P}/clients")))
    yield "overview.html", overview.content(ill, E, "")
    bare = answering({f"{P}/rollouts": {"data": []}, f"{P}/history": {"data": [], "next_cursor": None}})
    yield "overview.html", overview.content(bare, E, "")


def rollouts() -> Iterator[tuple[str, Json]]:
    """Under way, guarded, harmful, over, and without evidence."""
    path, history = f"{P}/evidence/summarize", f"{P}/rollouts/summarize/history"
    for state, found in (
        (STATE, answering()),
        (STATE, answering({path: {**HARM, "metrics": [{**HARM["metrics"][0], "e": 80.0}]}})),
        (GUARDED, answering({path: {**HARM, "metrics": [*HARM["metrics"], COST]}})),
        (PAUSED, answering({path: {**HARM, "newest_call": None, "misassigned": 0}})),
        (PAUSED, answering({path: None})),
        (
            FLAT,
            answering({path: {**HARM, "stable": None}, history: {"data": [GUARD_ACT], "next_cursor": None}}),
        ),
        (FLAT, answering({path: None})),
    ):
        api: Any = found
        api.put(f"{P}/rollouts/summarize", state)
        yield "rollout.html", rollout.content(api, E, "summarize", "")


def order(op: str, **body: Any) -> Order:
    """A command of a form."""
    return Order(op, "summarize", E, {"reason": "", **body})


def changes() -> Iterator[tuple[str, Json]]:
    """Every kind of action, in each state that it is for; and what was changed."""
    api: Any = answering()
    for op in actions.OPERATIONS:
        for state in (STATE, PAUSED, ASKED, FLAT, NOTHING):
            yield "action.html", actions.asked(with_states(state), order(op))
    steps = {"steps": [{"percent": 5, "hold": "1h"}], "audience": STATE["rollout"]["audience"], "force": True}
    start = order("start", version="1.3.0", guard=True, override={"suite": "first"}, **steps)
    yield "action.html", actions.asked(with_states(FLAT), start)
    refused = {
        **suites.STANDING,
        "decision": "suite_required",
        "detail": "none is attested",
        "attestation": None,
    }
    unproven: Any = with_states(FLAT)
    unproven.put(f"{P}/suites/summarize", refused)
    asked = actions.asked(unproven, order("start", version="1.3.0", plan="standard"))
    yield "action.html", asked
    yield "action.html", {**asked, "refused": "somebody was faster"}
    yield (
        "action.html",
        actions.asked(unproven, order("promote", version="1.3.0", override={"suite": "first"})),
    )
    yield "action.html", actions.asked(unproven, order("promote", version="9.9.9"))
    yield "rollback.html", actions.to_take_back(with_states(STATE, FLAT), E)
    yield "rollback.html", actions.to_take_back(with_states(NOTHING), E)
    given = {"actor": "grace", "since": "2026-05-01", "until": "2026-05-09", "prompt": "summarize"}
    yield "history.html", records.changes(api, E, {})
    longer = {f"{P}/rollouts/summarize/history": {**examples.HISTORY, "next_cursor": "38"}}
    yield "history.html", records.changes(answering(longer), E, given)
    yield "history.html", records.changes(answering(longer), E, {"prompt": "summarize"})
    empty = answering({f"{P}/history": {"data": [], "next_cursor": None}})
    yield "history.html", records.changes(empty, E, {})
    for change in chain(examples.HISTORY["data"], [GUARD_ACT]):
        only = answering({f"{P}/history": {"data": [change], "next_cursor": None}})
        yield "change.html", records.one_change(only, E, "", change["seq"])
    yield "approvals.html", records.waiting(with_states(ASKED), E)
    yield "approvals.html", records.waiting(api, E)
    yield "explain.html", records.why(api, E, "summarize", "user-42")
    yield "explain.html", {"name": "summarize", "key": "", "found": None, "facts": []}
