"""OFREP, as its clients speak it: flags, contexts, errors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import ofrep_document
import pytest
import urllib3

from promptstage.evaluation import decide
from promptstage.model import parse_release

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Answer, Api, Registry

KEYS = 300
"""As many as take a second; all 10,000 are in `make platforms`, and are decided here without HTTP."""
DEEP = 900
"""Levels of a context: fewer than the parser refuses, and more than any real one has."""


@pytest.fixture
def evaluate(api: Api, environment: str) -> Callable[..., Answer]:
    """Evaluates one flag."""

    def ask(key: str, context: Any = None, **headers: str) -> Answer:
        body = {} if context is None else {"context": context}
        return api.call(
            "POST", f"/v1/environments/{environment}/ofrep/v1/evaluate/flags/{key}", body, **headers
        )

    return ask


@pytest.fixture
def canary(api: Api, environment: str) -> Any:
    """A release with a rollout under way: half of all keys, and a tenant."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    started = api.act(
        "start",
        "summarize",
        {
            "version": "1.1.0",
            "steps": [{"percent": 50}, {"percent": 100}],
            "audience": [{"when": [{"attribute": "tenant", "in": ["acme", "7"]}]}],
        },
        environment,
    )
    assert started.status == 200, started.text
    return api.get(f"/v1/environments/{environment}/releases/summarize").json


def test_a_value_is_the_whole_prompt(canary: Any, evaluate: Callable[..., Answer], api: Api) -> None:
    """What our own API answers for the key; beside it, flat, what telemetry wants."""
    ours = api.call("POST", f"/v1/environments/{canary['environment']}/resolve/summarize", {"key": "u1"}).json

    answer = evaluate("summarize", {"targetingKey": "u1"})

    ofrep_document.check("serverEvaluationSuccess", answer.json)
    assert answer.json["value"] == ours
    assert answer.json["metadata"] == {
        "version": ours["version"],
        "number": canary["versions"][ours["version"]]["number"],
        "commit": canary["versions"][ours["version"]]["commit"],
        "digest": ours["digest"],
        "arm": ours["arm"],
        "rollout": ours["rollout"],
        "edition": 1,
    }


def test_keys_stay_on_the_arm_of_our_own_client(canary: Any, evaluate: Callable[..., Answer]) -> None:
    """By the function that the client ships."""
    release = parse_release(canary)
    arms = Counter[str]()
    for number in range(KEYS):
        answer = evaluate("summarize", {"targetingKey": f"user-{number}"}).json
        decision = decide(release, f"user-{number}")
        assert (
            answer["variant"],
            answer["reason"],
            answer["value"]["version"],
            answer["value"]["bucket"],
        ) == (
            decision.arm,
            decision.reason,
            decision.version,
            decision.bucket,
        )
        arms[answer["variant"]] += 1

    assert set(arms) == {"canary", "control"}


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"tenant": "acme"}, "TARGETING_MATCH"),
        ({"tenant": ["globex", "acme"]}, "TARGETING_MATCH"),
        ({"tenant": 7}, "TARGETING_MATCH"),
        ({"tenant": "globex"}, "SPLIT"),
        ({"tenant": {"name": "acme"}}, "SPLIT"),
        ({"tenant": None}, "SPLIT"),
    ],
)
def test_a_context_is_compared_with_the_audience(
    attributes: Any, reason: str, canary: Any, evaluate: Callable[..., Answer]
) -> None:
    """Its other fields are attributes."""
    assert evaluate("summarize", {"targetingKey": "u1", **attributes}).json["reason"] == reason


@pytest.mark.parametrize("context", [None, {}, {"targetingKey": ""}, {"targetingKey": None}])
def test_a_split_wants_a_key(context: Any, canary: Any, evaluate: Callable[..., Answer], api: Api) -> None:
    """Without one, a user would move between versions; where nothing is split, none is needed."""
    split = evaluate("summarize", context)
    api.act("promote", "support/triage", {"version": "1.0.0"}, canary["environment"])

    assert (split.status, split.json["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    ofrep_document.check("evaluationFailure", split.json)
    assert evaluate("support/triage", context).json["reason"] == "STATIC"
    assert evaluate("summarize", {"tenant": "acme"}).json["reason"] == "TARGETING_MATCH"


def test_an_audience_alone_wants_no_key(api: Api, environment: str, evaluate: Callable[..., Answer]) -> None:
    """At 0 percent the key decides nothing; for one flag and for all."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    audience = [{"when": [{"attribute": "tenant", "in": ["acme"]}]}]
    body = {"version": "1.1.0", "steps": [{"percent": 0}, {"percent": 10}], "audience": audience}
    assert api.act("start", "summarize", body, environment).status == 200
    flags = f"/v1/environments/{environment}/ofrep/v1/evaluate/flags"

    one = evaluate("summarize").json
    (all_of_them,) = api.call("POST", flags, {}).json["flags"]
    ofrep_document.check("serverEvaluationSuccess", one)
    assert [(flag["variant"], flag["reason"]) for flag in (one, all_of_them)] == [("stable", "SPLIT")] * 2
    assert evaluate("summarize", {"tenant": "acme"}).json["reason"] == "TARGETING_MATCH"
    api.act("advance", "summarize", None, environment)
    assert evaluate("summarize").json["errorCode"] == "TARGETING_KEY_MISSING"


@pytest.mark.parametrize("key", ["support/triage", "support%2Ftriage", "support%2ftriage"])
def test_a_key_may_be_encoded(key: str, api: Api, environment: str, evaluate: Callable[..., Answer]) -> None:
    """As JavaScript's newer providers do, and Python's does not."""
    api.act("promote", "support/triage", {"version": "1.0.0"}, environment)

    assert evaluate(key, {}).json["key"] == "support/triage"


@pytest.mark.parametrize(
    "key",
    ["unknown", "rich", "%2E%2E%2Fsummarize", "..%2f..", "a/../b", "%00", "%F0%9F%90%88", "x" * 3000, ""],
)
def test_an_unknown_flag_is_not_found(key: str, evaluate: Callable[..., Answer]) -> None:
    """As is one that has no release here."""
    answer = evaluate(key, {"targetingKey": "u1"})

    assert (answer.status, answer.json["errorCode"]) == (404, "FLAG_NOT_FOUND")
    ofrep_document.check("flagNotFound", answer.json)


def deep(levels: int) -> bytes:
    """A body whose context is nested."""
    return b'{"context":{"targetingKey":"u1","x":' + b"[" * levels + b"]" * levels + b"}}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"\xff\xfe", "PARSE_ERROR"),
        (b"[" * 100_000, "INVALID_CONTEXT"),
        (b"[" * 9_000, "PARSE_ERROR"),
        (b"[" * 1_900, "PARSE_ERROR"),
        (b"", "INVALID_CONTEXT"),
        (b"[]", "INVALID_CONTEXT"),
        (b"null", "INVALID_CONTEXT"),
        (b'{"context": "u1"}', "INVALID_CONTEXT"),
        (b'{"context": null}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": ["u1"]}}', "INVALID_CONTEXT"),
        (b'{"context": {"x": [' + b"1," * 1500 + b"1]}}", "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "' + b"x" * 2_000_000 + b'"}}', "INVALID_CONTEXT"),
    ],
)
@pytest.mark.parametrize("key", ["/summarize", ""])
def test_a_bad_body_is_named(key: str, body: bytes, code: str, api: Api) -> None:
    """By the protocol's code, and in words; for one flag and for all."""
    answer = api.call("POST", f"/ofrep/v1/evaluate/flags{key}", body)

    assert (answer.status, answer.json["errorCode"]) == (400, code), answer.text
    ofrep_document.check("evaluationFailure" if key else "bulkEvaluationFailure", answer.json)
    assert answer.json["errorDetails"]


def test_an_unusual_context_is_evaluated(canary: Any, api: Api, evaluate: Callable[..., Answer]) -> None:
    """A key of a megabyte, a lone surrogate, many levels; for one flag and for all."""
    long = {"targetingKey": "x" * 1_000_000}
    arm = decide(parse_release(canary), long["targetingKey"]).arm
    place = f"/v1/environments/{canary['environment']}/ofrep/v1/evaluate/flags"

    assert evaluate("summarize", long).json["variant"] == arm
    assert api.call("POST", place, {"context": long}).json["flags"][0]["variant"] == arm
    assert evaluate("summarize", {"targetingKey": "\ud83d"}).status == 200
    for path in (place, f"{place}/summarize"):
        assert api.call("POST", path, deep(10)).status == 200
        assert api.call("POST", path, deep(DEEP)).status in {200, 400}


def test_a_body_that_does_not_say_how_long_it_is_is_bounded(api: Api) -> None:
    """As one that does."""
    with urllib3.PoolManager() as pool:
        answer = pool.request(
            "POST",
            f"{api.url}/ofrep/v1/evaluate/flags/summarize",
            body=(b" " * 65_536 for _ in range(40)),
            headers={"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"},
            chunked=True,
        )

    assert (answer.status, answer.json()["errorCode"]) == (400, "INVALID_CONTEXT")


def test_a_token_comes_in_either_header(api: Api, registry: Registry, environment: str) -> None:
    """And is only good where it is for."""
    made = api.call(
        "POST", "/v1/tokens", {"name": f"web {environment}", "role": "reader", "environments": [environment]}
    ).json
    api.act("promote", "support/triage", {"version": "1.0.0"}, environment)
    nobody = type(api)(registry.url, "")
    path = "/ofrep/v1/evaluate/flags/support/triage"

    by_key = nobody.call("POST", path, {}, X_API_Key=made["secret"])
    by_bearer = nobody.call("POST", path, {}, Authorization=f"Bearer {made['secret']}")
    elsewhere = nobody.call("POST", f"/v1/environments/staging{path}", {}, X_API_Key=made["secret"])

    assert by_key.json == by_bearer.json  # at the root: its only environment
    assert by_key.status == 200
    assert (elsewhere.status, nobody.call("POST", path, {}).status) == (403, 401)
    nobody.close()


def test_a_prompt_for_new_clients_says_so(
    api: Api, environment: str, evaluate: Callable[..., Answer]
) -> None:
    """Its texts have another key, and its edition is in the metadata."""
    assert api.act("promote", "rich", {"version": "1.0.0"}, environment).status == 200

    answer = evaluate("rich", {}).json

    assert (answer["metadata"]["edition"], answer["value"]["document"]["edition"]) == (2, 2)
    assert "content" not in answer["value"]["document"]["messages"][0]
