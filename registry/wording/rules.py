"""The operator's budgets and alerts in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json

NARROWED = ("prompt", "route", "segment", "model")


def scope(rule: Json) -> str:
    """Say of which calls a budget or an alert is."""
    names = (rule.get(name) for name in NARROWED)
    return ", ".join(clean(name) for name in names if name) or "all calls"
