"""Guards as release managers meet them: what is said, shown before, and read afterwards."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import typer
from cli.conftest import JUDGED

from registry.cli.release import arguments, history, needed, status
from registry.wording import describe, timeline
from registry.wording.preview import Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shell import Cli

ERRORS_LINE = "errors; harm rolls it back, and a timed step goes on by itself after 100 users of each version"
GUARD = {"metrics": ["errors", "latency"], "on_harm": "pause", "minimum": 20}
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ((None, None, None), None),
        ((True, None, None), True),
        ((False, None, None), False),
        ((None, "errors, flag:odd", None), {"metrics": ["errors", "flag:odd"]}),
        ((True, "errors", "pause"), {"on_harm": "pause", "metrics": ["errors"]}),
    ],
)
def test_options_of_a_start(said: tuple[Any, ...], sent: object) -> None:
    """What is not said is left to the environment."""
    assert arguments.guard(*said) == sent


@pytest.mark.parametrize("more", [("errors", None), (None, "notify")])
def test_options_that_contradict(more: tuple[Any, ...]) -> None:
    """Nothing is compared without a guard."""
    with pytest.raises(typer.BadParameter, match="with --no-guard"):
        arguments.guard(False, *more)


def test_a_guarded_start_is_shown(manager: Cli, state: Callable[[], Any]) -> None:
    """What the guard will do, and that its times are the earliest."""
    manager("promote", "summarize", "1.0.0")
    steps = ("--steps", "5:1h,50")
    plain = manager("start", "summarize", "1.1.0", *steps, "--dry-run")
    said = ("--metrics", "errors,cost", "--on-harm", "pause")
    guarded = manager("start", "summarize", "1.1.0", *steps, *said)

    assert "Guard" not in plain.err
    line = ERRORS_LINE.replace("errors", "errors, cost").replace("rolls it back", "pauses it")
    assert f"  Guard     {line}\n" in guarded.err
    assert re.search(r"Then +50%  20\S+, at the earliest\n", guarded.err)
    assert guarded.out.startswith("summarize in env-")
    assert "judged in" in guarded.out
    assert state()["rollout"]["guard"]["metrics"] == ["errors", "cost"]


def test_status_and_history_show_the_guard(manager: Cli) -> None:
    """With what was accepted since."""
    manager("promote", "summarize", "1.0.0")
    manager("start", "summarize", "1.1.0", "--steps", "5:1h,50", "--guard")

    assert f"Guard:     {ERRORS_LINE}\n" in manager("status", "summarize").out
    assert "5:1h,50 + guard errors" in manager("history", "summarize").out


def test_where_a_guard_is_required(manager: Cli) -> None:
    """It is there without a word; a start without it is refused, and says so."""
    place = ("-e", JUDGED)
    manager("promote", "summarize", "1.0.0", *place)
    shown = manager("start", "summarize", "1.1.0", "--dry-run", "--json", *place)
    refused = manager("start", "summarize", "1.1.0", "--no-guard", *place)

    assert json.loads(shown.out)["guard"]["metrics"] == ["errors", "latency"]
    assert refused.code == 1
    assert "guard: a rollout is guarded here; leave it out" in refused.err


def test_if_needed_compares_the_guard(manager: Cli) -> None:
    """As far as a start says anything of it."""
    manager("promote", "summarize", "1.0.0")
    start = ("start", "summarize", "1.1.0", "--steps", "5,50", "--if-needed")
    manager(*start, "--metrics", "errors")

    assert [manager(*start, *more).code for more in ((), ("--guard",), ("--metrics", "errors"))] == [0, 0, 0]
    assert [manager(*start, *more).code for more in (("--no-guard",), ("--on-harm", "pause"))] == [1, 1]


@pytest.mark.parametrize(
    ("asked", "found", "same"),
    [
        (None, GUARD, True),
        (None, None, True),
        (True, GUARD, True),
        (True, None, False),
        (False, None, True),
        (False, GUARD, False),
        ({"on_harm": "pause"}, GUARD, True),
        ({"on_harm": "notify"}, GUARD, False),
        ({"on_harm": "pause"}, None, False),
    ],
)
def test_whether_a_guard_is_the_one_asked_for(asked: Any, found: Any, same: bool) -> None:
    """What is not said may be anything."""
    steps = [{"percent": 5}]
    body = {"version": "2", "steps": steps, "audience": [], "guard": asked}
    rollout = {"candidate": {"version": "2"}, "steps": steps, "audience": [], "guard": found}
    order = Order("start", "summarize", "production", body)

    assert needed.is_so_already(order, {"rollout": rollout, "stable": {"version": "1"}}) == same


@pytest.mark.parametrize(
    ("evidence", "cell"),
    [
        (None, "-"),
        ({"verdict": "collecting", "units": 41, "minimum": 100}, "collecting 41/100"),
        (
            {"verdict": "collecting", "units": 41, "minimum": 100, "waiting": {"for": "sample"}},
            "collecting 41/100",
        ),
        ({"verdict": "no_data", "units": 0, "minimum": 100, "waiting": {"for": "data"}}, "waits: data"),
        ({"verdict": "srm", "units": 900, "minimum": 100, "waiting": {"for": "srm"}}, "waits: srm"),
        ({"verdict": "harm", "units": 900, "minimum": 100, "waiting": None}, "harm"),
        ({"verdict": "safe", "units": 900, "minimum": 100}, "safe"),
        (
            {
                "verdict": "off",
                "metrics": [
                    {"name": "errors", "e": 60.0, "threshold": 60.0},
                    {"name": "latency", "e": 59.0, "threshold": 60.0},
                ],
            },
            "harm in errors, and no guard acts on it",
        ),
        ({"verdict": "off", "metrics": []}, "-"),
    ],
)
def test_evidence_in_a_cell(evidence: Any, cell: str) -> None:
    """One word, and what it waits for; without a guard, the harm that nothing acts on."""
    assert describe.evidence({"evidence": evidence}) == cell


def shown_state(**more: Any) -> dict[str, Any]:
    """A state with a rollout, as the registry shows it."""
    rollout = {
        "id": "r-1",
        "state": "running",
        "candidate": {"version": "1.1.0"},
        "steps": [{"percent": 5, "hold": "1h"}, {"percent": 50}],
        "step": 0,
        "advances_at": "2026-05-04T13:00:00Z",
        "audience": [],
        "guard": GUARD,
    }
    known = {"environment": "production", "prompt": "summarize", "stable": {"version": "1.0.0"}}
    return known | {"previous": None, "rollout": rollout} | more


@pytest.mark.parametrize("more", [{}, {"evidence": {"verdict": "safe"}}])
def test_status_has_a_column_of_evidence(more: dict[str, Any]) -> None:
    """Where the registry says anything of it."""
    grid, *_ = status._drawn({"data": [shown_state(**more)], "clients": {}}, "production", None)

    heading, row = str(grid).splitlines()
    assert (heading.split()[-1], row.split()[-1]) == (("EVIDENCE", "safe") if more else ("CLIENTS", "-"))


@pytest.mark.parametrize(("hour", "told"), [(12, "judged in 1h"), (13, "waits for evidence")])
def test_when_a_guarded_rollout_goes_on(hour: int, told: str) -> None:
    """When its time is over it may still have to wait."""
    assert describe.following(shown_state()["rollout"], NOW.replace(hour=hour)) == told


def test_a_guarded_timeline() -> None:
    """Each time that it reaches a step by itself is the earliest."""
    rollout = shown_state()["rollout"] | {"entered_at": "2026-05-04T12:00:00Z"}
    rows = timeline.of_rollout(rollout, [])

    assert [row[2] for row in rows] == [
        "now, since 2026-05-04T12:00:00Z",
        "2026-05-04T13:00:00Z, at the earliest",
        "when you promote it; by itself it stays at 50%",
    ]


def test_what_a_guard_did_is_read_like_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Its reason is a sentence; a constant that it set changed nothing that is served."""
    reason = "errors: 31 of 402 users of 1.1.0 against 9 of 398, a ratio of 1.6 or more"
    back = {"op": "rollback", "from": "1.1.0", "to": "1.0.0", "actor": "guard", "reason": reason}
    shown = {"seq": 9, "at": "2026-05-04T12:00:00Z", "prompt": "summarize"}

    assert describe.change(back) == f"rollback 1.1.0 → 1.0.0 by guard ({reason})"
    assert describe.changes_what_is_served(back)
    assert not describe.changes_what_is_served(back | {"op": "calibrate"})
    history._show([back | shown], whole=False)
    out = " ".join(capsys.readouterr().out.split())
    assert "guard rollback 1.1.0 1.0.0" in out
