"""Reports that no client of ours sends: each is answered, and the others are taken in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from outcomes_in import DAY_MS, now, record, rfc3339, uuid7
from service.test_calls import There
from support import Api, until

if TYPE_CHECKING:
    from support import Registry

YEAR_2100, LONG_AGO = 4_102_444_800_000, now() - 40 * DAY_MS
FORGED = "f" * 17
# What is sent, and how the answer about it begins.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "negative tokens": ({"input_tokens": -1}, "input_tokens: a whole number"),
    "no number": ({"cost_usd": float("nan")}, "cost_usd: a number from 0"),
    "no end of it": ({"duration_ms": float("inf")}, "duration_ms: a number from 0"),
    "1970": ({"id": uuid7(0), "at": rfc3339(0)}, "at: "),
    "2100": ({"id": uuid7(YEAR_2100), "at": rfc3339(YEAR_2100)}, "at: "),
    "older than calls are kept": ({"id": uuid7(LONG_AGO), "at": rfc3339(LONG_AGO)}, "at: "),
    "a forged unit": ({"unit": FORGED}, "unit: 16 hexadecimal digits"),
    "a unit in plain": ({"unit": "zelda@example.org"}, "unit: 16 hexadecimal digits"),
    "another environment": ({"environment": "production"}, "environment: this was sent to "),
    "no object": ({"tool_calls": 7}, "tool_calls: a list"),
}  # fmt: skip


@pytest.fixture
def there(api: Api, environment: str) -> There:
    """An environment in which nothing was reported yet."""
    return There(api, environment)


def test_a_batch_never_falls_with_one_record(there: There) -> None:
    """Each that is refused is named by its place and field; the good ones around it count."""
    bad = [record() | fields for fields, _ in REFUSED.values()]
    sent = [each for one in bad for each in (record(), one)]
    answer = there.post(
        "calls", json.dumps({"batch": str(uuid4()), "calls": [*sent, None, 7, record()]}).encode()
    )

    assert (answer.status, answer.json["accepted"]) == (200, len(bad) + 1)
    found = {each["index"]: each["detail"] for each in answer.json["refused"]}
    assert sorted(found) == [*range(1, 2 * len(bad), 2), 2 * len(bad), 2 * len(bad) + 1]
    for place, (what, (_, said)) in enumerate(REFUSED.items()):
        assert found[2 * place + 1].startswith(said), what
    assert "zelda" not in answer.text
    there.folded(len(bad) + 1)
    assert there.get("usage")["data"][0]["calls"] == len(bad) + 1


def test_names_that_do_not_exist_are_unknown(there: There) -> None:
    """Whatever an app makes up: no row of usage is made of it, and unknown fields are left out."""
    made_up = [record(prompt=f"made-up-{number}", version=f"9.9.{number}") for number in range(5)]
    there.send(*made_up, record(prompt="summarize", version="9.9.9"), record(mood="planted", prompt=None))
    calls = there.folded(7)

    rows = there.get("usage?by=prompt,version")["data"]
    assert {(row["prompt"], row["version"]) for row in rows} == {
        ("unknown", "unknown"), ("summarize", "unknown"), (None, None),
    } or {row["prompt"] for row in rows} == {"unknown", "summarize", None}  # fmt: skip
    assert "planted" not in json.dumps(calls)


def test_a_token_of_another_environment_reports_nothing(registry: Registry, there: There) -> None:
    """Neither calls nor what is said of them; spans of it are rejected."""
    body = {"name": f"elsewhere-{now()}", "capabilities": ["app"], "environments": ["production"]}
    secret = registry.api.call("POST", "/v1/tokens", body).json["secret"]
    foreign = There(Api(registry.api.url, secret), there.path.rpartition("/")[2])

    assert foreign.send(record()).status == 403
    for what in ("feedback", "scores", "resolutions"):
        assert foreign.post(what, []).status == 403, what
    assert there.get("calls")["data"] == []


def test_what_is_said_of_another_environments_call_changes_nothing(api: Api, there: There) -> None:
    """It is neither joined nor shown, and doctor says that an app reports to the wrong one."""
    mine, theirs = record(), There(api, "staging")
    there.send(mine)
    there.folded(1)
    assert theirs.post("feedback", {"call": mine["id"], "kind": "down"}).status == 200
    assert theirs.send(mine).status == 200

    def told() -> bool:
        checks = api.get("/v1/doctor").json["checks"]
        return any(
            "reports of staging are of a call of another environment" in each["message"] for each in checks
        )

    until(told, "doctor to say so")
    (call,) = there.get("calls")["data"]
    assert call["feedback"] == []
    assert there.get("usage")["data"][0]["feedback"] == {}
