"""Bad input gets the right 4xx, says where it is bad, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support import Api


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"version": "1.1.0", "steps": [{"percent": 101}]}, "steps.0.percent"),
        ({"version": "1.1.0", "steps": [{"percent": "10"}]}, "steps.0.percent"),
        ({"version": "1.1.0", "steps": [{"percent": True}]}, "steps.0.percent"),
        ({"version": "1.1.0", "steps": [{"percent": 0.0001}]}, "steps.0.percent"),
        ({"version": "1.1.0", "steps": [{"percent": 25}, {"percent": 5}]}, "steps.1.percent"),
        ({"version": "1.1.0", "steps": [{"percent": 5, "hold": "soon"}]}, "steps.0.hold"),
        ({"version": "1.1.0", "steps": [{"percent": 5, "holds": "1h"}]}, "steps.0.holds"),
        ({"version": "1.1.0", "steps": []}, "steps"),
        ({"version": "1.1.0", "plan": "reckless"}, "plan"),
        ({"version": "1.1.0", "plan": "fast", "steps": [{"percent": 5}]}, "steps"),
        ({"version": "1.1.0", "audience": [{"when": []}]}, "audience.0.when"),
        (
            {"version": "1.1.0", "audience": [{"when": [{"attribute": "a", "in": []}]}]},
            "audience.0.when.0.in",
        ),
        ({"version": "1.1.0", "force": "yes"}, "force"),
        ({"version": "1.1.0", "forse": True}, "forse"),
        ({"version": "1.1.0", "reason": "x" * 3000}, "reason"),
        ({"version": "1.1.0", "expect": {"percent": 5}}, "expect.percent"),
        ({"version": 1}, "version"),
        ({}, "version"),
        ([], ""),
        (b"{", ""),
        (b'{"version": "1.1.0", "reason": "\\ud800"}', ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
        (b'{"version": ' + b"9" * 5000 + b"}", ""),
    ],
)
def test_a_bad_start_says_where(api: Api, environment: str, body: object, where: str) -> None:
    """422 names the place in the body, and the state is as it was."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    before = api.state("summarize", environment)
    answer = api.act("start", "summarize", body, environment)

    assert answer.status == 422, answer.text
    assert where in answer.json["detail"]
    assert api.state("summarize", environment) == before


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"version": }', "application/json", "the body is not JSON; send UTF-8 JSON"),
        (b'{"version": "1.0.0"}', "text/plain", "send a JSON object, with Content-Type: application/json"),
    ],
)
def test_a_body_that_is_no_json_object_says_so(
    api: Api, environment: str, body: bytes, kind: str, said: str
) -> None:
    """In words of HTTP: the second is what curl sends if nobody tells it the type."""
    answer = api.act("promote", "summarize", body, environment, Content_Type=kind)

    assert (answer.status, answer.json["detail"]) == (422, said)


def test_half_a_character_is_repeated_as_it_came(api: Api, environment: str) -> None:
    """An answer is UTF-8, whatever it repeats."""
    answer = api.act(
        "promote", "summarize", {"version": "1.0.0", "expect": {"stable": "\ud800"}}, environment
    )

    assert (answer.status, answer.json["code"], "\ud800" in answer.json["detail"]) == (409, "changed", True)


def test_a_body_of_ten_megabytes_is_too_large(api: Api, environment: str) -> None:
    """It is refused before it is read to the end."""
    answer = api.act("promote", "summarize", b'{"reason": "' + b"x" * 10_000_000 + b'"}', environment)

    assert (answer.status, answer.json["code"]) == (413, "too_large")


def test_a_promote_without_a_version_has_nothing_to_complete(api: Api, environment: str) -> None:
    """Without a rollout there is no candidate."""
    answer = api.act("promote", "summarize", None, environment)

    assert (answer.status, answer.json["code"]) == (422, "version_needed")


def test_an_unknown_action_is_404(api: Api, environment: str) -> None:
    """There are six, and the answer names them."""
    answer = api.act("destroy", "summarize", {}, environment)

    assert (answer.status, answer.json["code"]) == (404, "unknown_action")


@pytest.mark.parametrize(
    "name", ["--upload-pack=x", "$(id)", "a%0Ab", "%2e%2e/%2e%2e/etc/passwd", "a" * 300, "Summarize", "%00"]
)
def test_hostile_names_are_unknown(api: Api, name: str) -> None:
    """A name is looked up among those that exist, and goes nowhere else."""
    assert api.get(f"/v1/prompts/{name}/versions").status == 404
    assert api.get(f"/v1/environments/staging/releases/{name}").status == 404
    assert api.act("promote", name, {"version": "1.0.0"}, "staging").status == 404


@pytest.mark.parametrize(
    "version", ["latest; rm", "--all", "1.0", "v1.0.0", "01.0.0", "\u202e1.0.0", "\ud800", ""]
)
def test_hostile_versions_are_unknown(api: Api, environment: str, version: str) -> None:
    """A version is looked up among those that exist."""
    answer = api.act("promote", "summarize", {"version": version}, environment)

    assert answer.status in {404, 422}
    assert api.state("summarize", environment)["stable"] is None


@pytest.mark.parametrize(
    "names", ["summarize@1", "summarize@a.b", "summarize@-1.2", "summarize@" + "9" * 5000 + ".1"]
)
def test_a_bad_position_is_refused(api: Api, environment: str, names: str) -> None:
    """A stream does not guess what a client holds."""
    assert api.get(f"/v1/environments/{environment}/stream?names={names}").status == 422


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/tokens", "GET, POST"),
        ("/v1/environments/staging/resolve/support/triage", "GET, POST"),
        ("/v1/environments/staging/rollouts/support/triage", "GET"),
        ("/v1/environments/staging/rollouts/support/triage/actions/promote", "POST"),
        ("/docs", "GET"),
    ],
)
def test_a_method_that_is_not_there_names_those_that_are(api: Api, path: str, allowed: str) -> None:
    """All of them, also where several routes have one path."""
    answer = api.call("PUT", path)

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path",
    ["history?since=0.5", "history?until=1795600000", "resolve/summarize?at=2026", "rollouts/summarize?at=1"],
)
def test_a_time_is_a_date_and_no_number(api: Api, path: str) -> None:
    """A number would be taken for seconds since 1970, which nobody means."""
    answer = api.get(f"/v1/environments/production/{path}")

    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert "write a time with its zone, such as 2026-05-04T12:00:00Z" in answer.json["detail"]


def test_the_end_of_a_token_is_no_number(api: Api) -> None:
    """Likewise."""
    answer = api.call("POST", "/v1/tokens", {"name": "x", "role": "reader", "expires_at": 1795600000})

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, "expires_at")
