"""The operator's budgets and alerts in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.system import figures
from registry.wording import times
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json

ALERTS = ("alert", "metric", "over", "value", "limit", "state")
STATES = {"ok": "ok", "few": "too few calls", "high": "above"}
NARROWED = ("prompt", "route", "segment", "model")


def scope(rule: Json) -> str:
    """Say of which calls a budget or an alert is."""
    names = (rule.get(name) for name in NARROWED)
    return ", ".join(clean(name) for name in names if name) or "all calls"


def alert(found: Json) -> list[str]:
    """One alert, and what it sees: the cells under `ALERTS`."""
    numbers = (figures.metric(found["metric"], found[key]) for key in ("value", "limit"))
    state = STATES.get(found["state"], clean(found["state"]))
    firing = f", fires since {times.show(found['firing_since'])}" if found["firing_since"] else ""
    return [scope(found), clean(found["metric"]), clean(found["over"]), *numbers, f"{state}{firing}"]
