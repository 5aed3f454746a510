"""What a notification says."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from notify.story import AT, change, request
from suites.test_attestation import attestation

from registry.notify import event
from registry.outcomes.alerts import Finding
from registry.outcomes.budgets import Spent, Standing
from registry.policies.events import EVENTS
from registry.policies.spending import Alert, Budget

WAITS = (
    "summarize in production: ada asks to promote 1.1.0. Another token approves it: "
    "promptstage approve summarize -e production"
)


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({}, "rollout.promote", "summarize in production: promote 1.0.0 → 1.1.0, by grace"),
        (
            {"op": "advance", "before": 5, "after": 12.5, "actor": "schedule"},
            "rollout.advance",
            "summarize in production: advance 5 % → 12.5 %, by schedule",
        ),
        (
            {"op": "rollback", "after": None, "reason": "wrong tone"},
            "rollout.rollback",
            "summarize in production: rollback 1.0.0 → -, by grace: wrong tone",
        ),
        (
            {"op": "ask.promote", "actor": "ada", "state": request()},
            "approval.waiting",
            WAITS,
        ),
        ({"op": "reject"}, "approval.reject", "summarize in production: reject 1.0.0 → 1.1.0, by grace"),
        (
            {"op": "rollback", "actor": "guard"},
            "guard.rollback",
            "summarize in production: rollback 1.0.0 → 1.1.0, by guard",
        ),
    ],
)
def test_a_change_in_words(fields: dict[str, Any], kind: str, text: str) -> None:
    """Who did what, where, and why; programs get the change as the history has it."""
    made = event.of_change(change(7, **{"op": "promote", **fields}), "abc")
    assert made

    assert (made.kind, made.text, made.id, made.at) == (kind, text, "change_1_7", AT)
    assert (made.data["seq"], made.data["commit"], made.data["environment"]) == (7, "abc", "production")
    assert kind in EVENTS


@pytest.mark.parametrize("op", ["create", "recover", "upgrade", "token.create", "token.revoke"])
def test_what_nobody_is_told(op: str) -> None:
    """Changes of the journal itself, of tokens, and of a guard's constants."""
    assert event.of_change(change(7, op, state=None), "abc") is None
    assert event.of_change(change(7, "calibrate", actor="guard"), "abc") is None


def attested(**said: Any) -> event.Event:
    """The event of an attestation."""
    one = attestation(7, **said)
    (made,) = event.all_of(change(7, "attest", state=None, attestation=one, after=one.result), "abc")
    return made


def test_an_attestation_in_words() -> None:
    """It is of no environment; programs get it as the API has it."""
    passed = attested(prompt="summarize")
    failed = attested(
        prompt="summarize", result="failed", passed=40, fixed=[], regressed=[f"case-{i}" for i in range(7)]
    )

    assert (passed.kind, passed.id) == ("suite.passed", "suite_1_7")
    assert passed.text == (
        "summarize (sha256:aaaaaaaaaaaa): its suite passed against 1.2.0, 49 of 50 cases passed, attested "
        "by ci"
    )
    assert (passed.data["prompt"], passed.data["attestation"]["cases"]) == ("summarize", 50)
    assert failed.kind == "suite.failed"
    assert "; regressed: case-0, case-1, case-2, case-3, case-4 and 2 more, attested by ci" in failed.text
    assert {passed.kind, failed.kind, "suite.override"} <= EVENTS.keys()


def test_what_goes_past_a_suite_is_an_event_of_its_own() -> None:
    """Besides that of the start; while it awaits approval, whoever may approve is told."""
    why: dict[str, Any] = {"override": {"suite": "incident 4711"}}
    done, past = event.all_of(change(7, "start", **why), "abc")
    (waits,) = event.all_of(change(7, "ask.promote", actor="ada", state=request(), **why), "abc")

    assert (done.kind, past.kind) == ("rollout.start", "suite.override")
    assert done.id != past.id
    assert past.text == "summarize in production: start 1.1.0 past its suite, by grace: incident 4711"
    assert "asks to promote 1.1.0, past its suite: incident 4711. Another token approves it" in waits.text


def test_what_a_recovery_writes_again_is_not_told_again() -> None:
    """Its attestations were told when they were made."""
    again = change(7, "recover", state=None, attestation=attestation(7))

    assert list(event.all_of(again, "abc")) == []


def test_a_long_reason_is_cut() -> None:
    """The history has all of it."""
    made = event.of_change(change(7, reason="x" * 2000), "abc")
    assert made

    assert made.text.endswith(": " + "x" * event.MAX_REASON)


BUDGET = Budget(environment="production", prompt="summarize", period="day", usd=Decimal(50))


def test_a_budget_in_words() -> None:
    """What is spent, of what, and until when it counts."""
    standing = Standing(
        BUDGET, AT.replace(hour=0), AT.replace(day=1, month=12, hour=0), Spent(41 * 10**9, 9, 0)
    )
    made = event.of_budget(standing, "abc", "0.8", AT)

    assert (made.kind, made.id) == ("budget.reached", "budget_abc_20261130_0-8")
    assert made.text == (
        "summarize in production: 80% of $50 a day is spent: $41.00. The day ends 2026-12-01 00:00 UTC: "
        "promptstage budget"
    )
    assert made.data["share"] == 0.82
    unpriced = event.of_budget(standing, "abc", "unpriced", AT)
    assert (unpriced.kind, "0 of 9 calls have no known cost" in unpriced.text) == ("budget.unpriced", True)


def test_an_alert_in_words() -> None:
    """What it saw, over which time, and where to look; the same when it is over."""
    alert = Alert(environment="production", metric="error_rate", above=Decimal("0.05"), minimum=200)
    fires = event.of_alert(alert, "abc", Finding("high", 0.081, 0.05, 210), AT, None)
    over = event.of_alert(alert, "abc", Finding("ok", 0.01, 0.05, 300), AT + timedelta(hours=1), AT)
    quiet = event.of_alert(alert, "abc", Finding("few", None, 0.05, 0), AT + timedelta(hours=1), AT)

    assert fires.text == (
        "all prompts in production: error_rate over 1h is 8.1%, of 210 calls; the limit is 5%. "
        "Look closer: promptstage usage -e production --since 1h"
    )
    assert over.text.startswith("all prompts in production: resolved, error_rate over 1h is 1%, of 300 calls")
    assert "resolved, fewer than 200 calls in 1h" in quiet.text
    moment = int(AT.timestamp())
    assert [made.id for made in (fires, over)] == [
        f"alert_firing_abc_{moment}",
        f"alert_resolved_abc_{moment}",
    ]


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [("p95_ms", 4812.6, "4813 ms"), ("cost_per_call", 0.00123, "$0.00123"), ("down_rate", 0.5, "50%")],
)
def test_values_have_units(metric: Any, value: float, shown: str) -> None:
    """Those of their metric."""
    alert = Alert(environment="production", metric=metric, above=Decimal(0), minimum=1)

    assert (
        f"is {shown}, of 5 calls" in event.of_alert(alert, "a", Finding("high", value, 0, 5), AT, None).text
    )


def test_an_identifier_has_no_full_stop() -> None:
    """It would end the id early where it is signed."""
    tag = event.of_tag("support/triage", "1.2.0-rc.1", "summarize.prompt.yml:3:1: no messages", AT)

    assert re.fullmatch(r"[\w/-]+", tag.id)
    assert tag.text == (
        "support/triage@1.2.0-rc.1 cannot be served: summarize.prompt.yml:3:1: no messages. "
        "Correct the file, and tag a new version"
    )
