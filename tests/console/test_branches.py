"""Each branch of each template is rendered, of answers in the API's documented shapes.

A key that the API does not have is a fault, whichever branch asks for it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

from console.branches import Branches
from console.documented_api import CALL, STATE, E, P, answering, with_states
from suites.test_reports import report as made_report

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint
from registry.api.docs import evidence, examples, review_shapes, suites
from registry.console import (
    actions,
    outcomes,
    overview,
    page,
    prompt,
    records,
    report,
    review,
    rollout,
    system,
)
from registry.wording.preview import Order

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from promptstage.model import Json

FLAT = {**STATE, "rollout": None, "previous": {**STATE["stable"], "version": "1.1.0"}}
ASKED = {**FLAT, "awaiting_approval": examples.AWAITING}
NOTHING = {**STATE, "stable": None, "rollout": None, "awaiting_approval": examples.AWAITING}
PAUSED = {
    **STATE,
    "rollout": {**STATE["rollout"], "state": "paused", "advances_at": None, "guard": examples.GUARD},
}
GUARDED = {**STATE, "rollout": {**STATE["rollout"], "guard": examples.GUARD}}
INVALID = {
    **examples.VERSION,
    "version": "1.4.0",
    "status": "invalid",
    "problem": {"message": "no role", "line": 4, "column": 2, "path": "prompts/summarize.prompt.yml"},
    "document": None,
    "digest": None,
}
BROKEN = {**INVALID, "problem": None}
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
GUARD_ACT = {
    **examples.HISTORY["data"][0],
    "actor": "guard",
    "op": "rollback",
    "from": "1.3.0",
    "to": "1.2.0",
    "newer": 1,
    "evidence": {"errors": {"e": 80.0}},
}


REPORT = made_report()  # by the code that writes what is attested


def frame(
    *capabilities: str,
    environments: tuple[str, ...] = (E, "staging"),
    here: str | None = E,
    below: str = "",
    query: str = "",
) -> Json:
    """What the frame around a page shows, to a token of some rights."""
    token, _ = mint(TokenSpec(name="grace", capabilities=(Capability.releaser,)))
    may = {str(one): not capabilities or str(one) in capabilities for one in Capability}
    where = {
        "environments": environments,
        "environment": here,
        "path": f"/console/e/{E}{below}",
        "address": f"/console{query}",
    }
    return {"token": token, "may": may, "csrf": "c", **where}


def order(op: str, **body: Any) -> Order:
    """A command of a form."""
    return Order(op, "summarize", E, {"reason": "", **body})


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


def prompts() -> Iterator[tuple[str, Json]]:
    """Lists, one prompt in each state, versions good and bad, differences."""
    api: Any = answering()
    yield "prompts.html", prompt.listed(api, "", "")
    yield "prompts.html", prompt.listed(api, "no such", "")
    (one,) = examples.PROMPTS["data"]
    other = {**one, "latest": None, "description": None}
    listed: tuple[Json, ...] = (
        {"data": [], "next_cursor": None},
        {"data": [other], "next_cursor": "summarize"},
    )
    for found in listed:
        yield "prompts.html", prompt.listed(answering({"/v1/prompts": found}), "", "")
    versions = {"data": [INVALID, BROKEN, examples.SUMMARY, {**examples.SUMMARY, "version": "1.1.0"}]}
    failing: Json = {"data": [{**examples.USAGE["data"][0], "errors": errors} for errors in (0, 3)]}
    failing["data"][0]["version"] = "1.1.0"
    for state in (STATE, PAUSED, ASKED, FLAT, NOTHING):
        more = {"/v1/prompts/summarize/versions": versions, f"{P}/usage": failing}
        there = answering({**more, f"{P}/rollouts/summarize": state})
        yield "prompt.html", prompt.content(there, (E,), E, "summarize")
    no_changes = answering(
        {
            f"{P}/rollouts/summarize/history": {"data": [], "next_cursor": None},
            "/v1/prompts/summarize/versions": {"data": [examples.SUMMARY]},
        }
    )
    yield "prompt.html", prompt.content(no_changes, (E,), E, "summarize")
    yield "version.html", prompt.one_version(api, "summarize", "1.3.0")
    yield from reports()
    here = "/v1/prompts/summarize/versions/1.3.0"
    for changed in (INVALID, BROKEN, {**examples.VERSION, "document": {**examples.DOCUMENT, "model": None}}):
        plain = answering({here: changed, "/v1/catalog": None, f"{here}/attestations": {"data": []}})
        yield "version.html", prompt.one_version(plain, "summarize", "1.3.0")
    yield "diff.html", prompt.compared(api, "summarize", "1.2.0", "1.3.0")
    old, new = examples.DOCUMENT["variables"]
    asks_more = {
        **examples.VERSION,
        "document": {**examples.DOCUMENT, "model": "m", "variables": [old, {**new, "required": True}]},
    }
    gap = examples.DIFF["unified"] + "@@ -20,1 +20,2 @@\n same\n+added\n-removed\n"
    asked = {here: asks_more, "/v1/prompts/summarize/diff": {**examples.DIFF, "unified": gap}}
    yield "diff.html", prompt.compared(answering(asked), "summarize", "1.2.0", "1.3.0")
    same = answering({"/v1/prompts/summarize/diff": {**examples.DIFF, "unified": "", "changed": []}})
    yield "diff.html", prompt.compared(same, "summarize", "1.2.0", "1.3.0")


def reports() -> Iterator[tuple[str, Json]]:
    """A run with cases of every kind, one compared with nothing, and one in which all is well."""
    (run,) = REPORT.prompts
    runs = (run, replace(run, against=None, details=()))
    for one in (replace(REPORT, prompts=(each,)).to_json() for each in runs):
        body = json.dumps(one).encode()
        kept = {**suites.KEPT, "report": f"sha256:{sha256(body).hexdigest()}"}
        api = answering({"/v1/prompts/support/x/versions/1.3.0/attestations": {"data": [kept]}})
        yield "report.html", report.opened(api, "support/x", "1.3.0", body)


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
    yield "history.html", {**records.changes(answering(longer), E, {"prompt": "summarize"}), "given": {}}
    empty = answering({f"{P}/history": {"data": [], "next_cursor": None}})
    yield "history.html", records.changes(empty, E, {})
    for change in chain(examples.HISTORY["data"], [GUARD_ACT]):
        only = answering({f"{P}/history": {"data": [change], "next_cursor": None}})
        yield "change.html", records.one_change(only, E, "", change["seq"])
    yield "approvals.html", records.waiting(with_states(ASKED), E)
    yield "approvals.html", records.waiting(api, E)
    yield "explain.html", records.why(api, E, "summarize", "user-42")
    yield "explain.html", {"name": "summarize", "key": "", "found": None, "facts": []}


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
    """What waits and what was said; one call with and without what was given."""
    api: Any = answering()
    waiting = review.waiting(api, E, "summarize")
    claimed = review_shapes.EXAMPLES["Claimed"]
    judged = {"verdict": "bad", "call": "c", **review_shapes.EXAMPLES["Labelled"]}
    bare_label = {**judged["label"], "case": False}
    said = {**judged, "label": bare_label, "scores": []}
    (label,) = review_shapes.EXAMPLES["LabelPage"]["data"]
    labels = [label, {**label, "case_id": "late", "verdict": "good"}, {**label, "case": False}]
    yield "review.html", {**waiting, "done": labels, "said": judged}
    bare = {"queue": {"open": 0, "data": []}, "done": [], "judges": [], "prompt": ""}
    yield "review.html", {**bare, "said": {**said, "refused": "another was faster"}}
    yield "review.html", bare
    good = {**judged, "scores": [{**judged["scores"][0], "value": 0.9, "judge": None}]}
    for one in (judged, good, said, None):
        yield "review_item.html", {**waiting, "item": claimed, "said": one, **review._parts(claimed)}
    signals = {"feedback": [{"kind": "down"}], "flags": ["made_up"]}
    quiet = {**claimed, "content": {**claimed["content"], "variables": {}, "response": None, **signals}}
    yield "review_item.html", {**waiting, "item": quiet, "said": None, **review._parts(quiet)}


def systems() -> Iterator[tuple[str, Json]]:
    """A registry that is well, one that nobody can be told of, one that the token may not see."""
    token = {
        "id": "3f9a0c11d2e4", "name": "ci", "capabilities": ["attest"], "environments": [E],
        "created_at": CALL["at"], "created_by": "admin", "expires_at": None,
    }  # fmt: skip
    tokens = {"data": [token, {**token, "environments": [], "expires_at": CALL["at"]}]}
    (target,) = examples.NOTIFICATIONS["data"]
    failing = {**target, "failing": 2, "failing_since": CALL["at"], "error": "503", "signed": True}
    lost = {**target, "lost": 4, "taken_at": None, "taken": None}
    lagging = {
        **examples.JOURNAL["mirror"],
        "behind": 3,
        "behind_s": 90.0,
        "failures": 2,
        "error": "no route",
    }
    alone = {**examples.JOURNAL, "mirror": None, "error": "the disk is full", "newest_at": None}
    for changed in (
        {"/v1/tokens": tokens, "/v1/notifications": {"data": [target, failing, lost]}},
        {"/v1/journal": {**examples.JOURNAL, "mirror": lagging}, "/v1/notifications": {"data": []}},
        {"/v1/journal": alone, f"{P}/clients": {**examples.CLIENTS, "data": []}},
        dict.fromkeys(("/v1/doctor", "/v1/tokens", "/v1/journal", "/v1/notifications", f"{P}/clients")),
    ):
        yield "system.html", system.content(answering(changed), (E,))
    made = system.content(answering({"/v1/tokens": tokens}), (E,))
    yield "system.html", {**made, "secret": "ps_1", "name": "ci"}


def alone() -> Iterator[tuple[str, Json]]:
    """Pages before a session, and instead of one."""
    for message in ("", "the session has ended"):
        yield "login.html", {"next": "", "message": message, "path": ""}
    yield "error.html", {"status": 404, "message": "there is no such page", "path": ""}


SCENES = (overviews, prompts, rollouts, changes, calls, reviews, systems, alone)
OF_ALL = (
    "report.html",
    "prompts.html",
    "version.html",
    "diff.html",
    "system.html",
    "login.html",
    "error.html",
)
FRAMES = (
    frame(),
    frame("reader", below="/calls", query="?error=any"),
    frame("review", below="/review/next"),
    frame(environments=tuple(f"env-{i}" for i in range(9)), here=None),
)


def test_each_branch_of_each_template_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an admin, a reader, and where there are many environments."""
    made = page._templates.__wrapped__()
    branches = Branches(made)
    monkeypatch.setattr(page, "_templates", lambda: made)
    for scene in SCENES:
        for template, values in scene():
            for one in FRAMES:
                if one["environment"] or template in OF_ALL:
                    page.render(template, {**one, **values})
    assert "\n".join(branches.unseen) == ""
