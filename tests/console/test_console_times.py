"""Days and periods on pages: whose day it is, and what is drawn of a time without calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from registry.console import outcomes, page, records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.model import Json


class Asked:
    """An API that notes what it is asked, and knows of nothing."""

    def __init__(self) -> None:
        self.of: dict[str, Any] = {}

    def get(self, _: str, __: str, **asked: Any) -> Json:
        """Note it."""
        self.of = asked
        return {"data": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        (
            {"since": "2026-11-30", "until": "2026-11-30"},
            "2026-11-30T00:00:00Z",
            "2026-11-30T23:59:59.999999Z",
        ),
        (
            {
                "since": "2026-11-30",
                "until": "2026-11-30",
                "since_at": "2026-11-30T05:00:00.000Z",
                "until_at": "2026-12-01T04:59:59.999Z",
            },
            "2026-11-30T05:00:00.000Z",
            "2026-12-01T04:59:59.999Z",
        ),
    ],
)
def test_a_day_ends_with_its_last_moment(given: Mapping[str, str], since: str, until: str) -> None:
    """It is the reader's day where a script says when that is, else that of UTC."""
    api = Asked()
    records.changes(api, "production", given)  # type: ignore[arg-type]

    assert (api.of["since"], api.of["until"]) == (since, until)


def test_a_time_without_calls_is_drawn_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line goes from the calls before to those after it, and one that lasts until now is seen."""
    monkeypatch.setattr(page, "now", lambda: datetime(2026, 12, 1, 3, 59, tzinfo=UTC))
    row: Json = {"prompt": "a", "calls": 5, "cost_usd": None, "p95_ms": 9.0, "errors": 1}
    rows = [row | {"period": f"2026-12-01T{hour}:00:00Z"} for hour in ("00", "02")]
    plots = outcomes.plots(rows, "prompt", ["a"], outcomes.times(rows, "hour"))
    drawn = {plot["title"]: plot["series"][0]["values"] for plot in plots}

    assert plots[0]["times"][-1] == "2026-12-01T03:00:00Z"
    assert drawn["Calls"] == [5, 0, 5, 0]
    assert drawn["Cost in dollars"] == [None, 0, None, 0]
    assert drawn["p95 in ms"] == [9.0, None, 9.0, None]
    assert outcomes.times([], "hour") == []
