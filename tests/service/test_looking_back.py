"""What was in force at an earlier time, replayed from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from support import Api


def at(api: Api, environment: str, seq: int) -> Any:
    """The state at the time of a change."""
    path = f"/v1/environments/{environment}/rollouts/summarize"
    changes = api.get(f"{path}/history").json["data"]
    moment = next(change["at"] for change in changes if change["seq"] == seq)
    return api.get(f"{path}?at={quote(moment)}").json


def test_a_state_at_a_time(api: Api, environment: str) -> None:
    """Each change left a state, and that one is found again, whole."""
    bodies = [("promote", {"version": "1.0.0"}), ("start", {"version": "1.1.0"}), ("advance", {})]
    left = [api.act(op, "summarize", body, environment).json["state"] for op, body in bodies]

    assert [at(api, environment, state["seq"]) for state in left] == left


def test_before_the_first_change(api: Api, environment: str) -> None:
    """Nothing was in force then."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)

    answer = api.get(f"/v1/environments/{environment}/rollouts/summarize?at=2001-01-01T00:00:00Z")

    assert (answer.status, answer.json["code"]) == (404, "no_release")
