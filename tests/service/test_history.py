"""What changed in an environment, as ``/history`` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from support import Api

STEPS = [{"percent": 0, "hold": "1h"}, {"percent": 10}]
ACME = [{"when": [{"attribute": "tenant", "in": ["acme"]}]}]


def history(api: Api, environment: str, query: str = "") -> Any:
    """The changes, newest first."""
    return api.get(f"/v1/environments/{environment}/history{query}").json["data"]


def told(changes: Any) -> list[tuple[str, str]]:
    """Which change, and of what."""
    return [(change["op"], change["prompt"]) for change in changes]


def test_what_changed_in_an_environment(api: Api, environment: str) -> None:
    """All prompts' changes in one list; each filter leaves out the others'."""
    for name in ("summarize", "support/triage"):
        api.act("promote", name, {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": STEPS, "audience": ACME}, environment)
    start, triage, first = history(api, environment)

    assert told([start, triage, first]) == [
        ("start", "summarize"),
        ("promote", "support/triage"),
        ("promote", "summarize"),
    ]
    assert (start["plan"], start["audience"]) == (STEPS, ACME)
    assert triage.keys().isdisjoint({"plan", "audience"})
    assert told(history(api, environment, "?prompt=summarize")) == told([start, first])
    assert history(api, environment, "?actor=nobody") == []
    for query, expected in (
        (f"?since={quote(triage['at'])}", [start, triage]),
        (f"?until={quote(triage['at'])}&actor=admin", [triage, first]),
        ("?until=2000-01-01T00:00:00Z", []),
    ):
        assert history(api, environment, query) == expected


def test_pages_join_up(api: Api, environment: str) -> None:
    """Each page begins below the one before; a cursor that was never given finds what is below it."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        api.act("promote", "summarize", {"version": version}, environment)
    path = f"/v1/environments/{environment}/history?limit=2"
    first = api.get(path).json
    second = api.get(f"{path}&cursor={first['next_cursor']}").json

    assert [change["to"] for change in first["data"] + second["data"]] == ["1.2.0", "1.1.0", "1.0.0"]
    assert second["next_cursor"] is None
    assert api.get(f"{path}&cursor={2**63 - 1}").json == first
    assert api.get(f"{path}&cursor=1").json["data"] == []


@pytest.mark.parametrize(
    "query", ["cursor=0", f"cursor={2**63}", "cursor=x", "since=2026-01-01", "limit=501"]
)
def test_a_bad_question_is_refused(api: Api, environment: str, query: str) -> None:
    """422 says where."""
    answer = api.get(f"/v1/environments/{environment}/history?{query}")

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, query.partition("=")[0])
