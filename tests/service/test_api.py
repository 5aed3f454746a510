"""The contract of the HTTP interface, as a stranger with curl would try it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import Api, until

from promptstage.evaluation import decide
from promptstage.model import parse_release

if TYPE_CHECKING:
    from support import Registry


def test_prompts_are_listed_by_name(api: Api) -> None:
    """A page has names, titles and versions; a cursor leads to the next one."""
    first = api.get("/v1/prompts?limit=1").json
    second = api.get(f"/v1/prompts?limit=1&cursor={first['next_cursor']}").json

    assert [prompt["name"] for prompt in first["data"] + second["data"]] == ["summarize", "support/triage"]
    assert first["data"][0]["versions"] == ["2.1.0-rc.1", "2.0.0", "1.2.0", "1.1.0", "1.0.0"]
    assert first["data"][0]["latest"] == "2.0.0"
    assert second["next_cursor"] is None


@pytest.mark.parametrize("name", ["support/triage", "support%2Ftriage"])
def test_a_version_has_every_key_of_the_contract(api: Api, name: str) -> None:
    """A slash in a name may be raw or escaped."""
    version = api.get(f"/v1/prompts/{name}/versions/latest").json

    assert version | {"commit": "", "tagged_at": "", "digest": "", "document": {}} == {
        "name": "support/triage",
        "version": "1.0.0",
        "number": 1000000,
        "tag": "support/triage/v1.0.0",
        "commit": "",
        "digest": "",
        "author": "Ada <ada@example.org>",
        "tagged_at": "",
        "message": "support/triage 1.0.0",
        "status": "valid",
        "problem": None,
        "warnings": [],
        "partials": [],
        "document": {},
    }
    assert version["digest"].startswith("sha256:")
    assert version["document"]["messages"] == [{"role": "user", "content": "support/triage 1.0.0: {{text}}"}]


def test_an_invalid_version_says_what_is_wrong(api: Api) -> None:
    """The problem has a line and a column; lists leave the document out."""
    listed = api.get("/v1/prompts/summarize/versions").json["data"]
    broken = api.get("/v1/prompts/summarize/versions/2.1.0-rc.1").json

    assert [version["version"] for version in listed] == ["2.1.0-rc.1", "2.0.0", "1.2.0", "1.1.0", "1.0.0"]
    assert "document" not in listed[0]
    assert broken["status"] == "invalid"
    assert broken["problem"]["line"] == 2
    assert broken["problem"]["path"] == "prompts/summarize.prompt.yml"


def test_two_versions_can_be_compared(api: Api) -> None:
    """The diff is of the files; what changed in the document is named."""
    diff = api.get("/v1/prompts/summarize/diff?from=1.2.0&to=2.0.0").json

    assert "-    content: " in diff["unified"]
    assert set(diff["changed"]) == {"messages", "variables"}


def test_the_catalog_tells_when_it_looked(api: Api) -> None:
    """Counts, and nothing wrong."""
    status = api.get("/v1/catalog").json

    assert status["error"] is None
    assert (status["prompts"], status["versions"], status["moved"]) == (2, 6, [])
    nothing = {"count": 0, "sample": []}
    assert status["ignored"] == {**nothing, "reasons": [], "other_things": nothing}


def test_a_rollout_from_start_to_end(api: Api, environment: str) -> None:
    """Promote, start, advance, complete, roll back: each answer is the state in force."""

    def stable(answer: Any) -> tuple[str, str | None]:
        state = answer.json["state"]
        return state["stable"]["version"], state["rollout"] and state["rollout"]["candidate"]["version"]

    steps = [{"percent": 10}, {"percent": 50}]

    assert stable(api.act("promote", "summarize", {"version": "1.0.0"}, environment)) == ("1.0.0", None)
    assert stable(api.act("start", "summarize", {"version": "1.1.0", "steps": steps}, environment)) == (
        "1.0.0",
        "1.1.0",
    )
    assert stable(api.act("advance", "summarize", None, environment)) == ("1.0.0", "1.1.0")
    assert stable(api.act("promote", "summarize", None, environment)) == ("1.1.0", None)
    assert stable(api.act("rollback", "summarize", {"reason": "worse"}, environment)) == ("1.0.0", None)
    again = api.act("rollback", "summarize", None, environment)
    assert (again.status, again.json["code"]) == (409, "nothing_to_roll_back")
    assert again.json["state"]["stable"]["version"] == "1.0.0"


def test_the_history_tells_all_of_it(api: Api, environment: str) -> None:
    """Newest first, in pages, with the journal's commits."""
    api.act("promote", "summarize", {"version": "1.0.0", "reason": "first"}, environment)
    api.act("promote", "summarize", {"version": "1.1.0"}, environment)
    answer = api.act("rollback", "summarize", {"reason": "too long\nSeq: 99"}, environment).json
    path = f"/v1/environments/{environment}/rollouts/summarize/history"
    first = api.get(path + "?limit=2").json
    rest = api.get(f"{path}?cursor={first['next_cursor']}").json
    newest = first["data"][0]

    assert [change["op"] for change in first["data"] + rest["data"]] == ["rollback", "promote", "promote"]
    assert (newest["from"], newest["to"]) == ("1.1.0", "1.0.0")
    assert (newest["seq"], newest["commit"]) == (answer["seq"], answer["commit"])
    assert (newest["reason"], newest["actor"]) == ("too long\nSeq: 99", "admin")
    assert rest["next_cursor"] is None


def test_a_release_is_fetched_once(api: Api, environment: str) -> None:
    """The ETag answers 304 until something changes."""
    path = f"/v1/environments/{environment}/releases/summarize"
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    first = api.get(path)
    unchanged = api.get(path, If_None_Match=first.headers["ETag"])
    api.act("promote", "summarize", {"version": "1.1.0"}, environment)
    changed = api.get(path, If_None_Match=first.headers["ETag"])

    assert (unchanged.status, unchanged.text) == (304, "")
    assert changed.json["default"] == {"version": "1.1.0", "arm": "stable"}


def test_several_releases_at_once(api: Api, environment: str) -> None:
    """Names without a release, or unknown, are missing rather than an error."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    answer = api.get(f"/v1/environments/{environment}/releases?names=summarize,support/triage,nobody").json

    assert [release["prompt"] for release in answer["releases"]] == ["summarize"]
    assert answer["missing"] == ["support/triage", "nobody"]


def test_resolve_equals_decide_on_the_release(api: Api, environment: str) -> None:
    """1,000 keys, each decided here and there."""
    audience = [{"when": [{"attribute": "tenant", "in": ["acme"]}]}]
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act(
        "start",
        "summarize",
        {"version": "1.1.0", "steps": [{"percent": 30}], "audience": audience},
        environment,
    )
    release = parse_release(api.get(f"/v1/environments/{environment}/releases/summarize").json)

    for i in range(1000):
        attributes = {"tenant": "acme"} if i % 10 == 0 else {}
        here = decide(release, f"user-{i}", attributes)
        question = {"key": f"user-{i}", "attributes": attributes}
        there = api.call("POST", f"/v1/environments/{environment}/resolve/summarize", question).json
        assert {key: there[key] for key in ("version", "arm", "reason", "rollout", "bucket")} == {
            "version": here.version, "arm": here.arm, "reason": here.reason,
            "rollout": here.rollout, "bucket": here.bucket,
        }  # fmt: skip


def test_resolve_by_query_and_in_the_past(api: Api, environment: str) -> None:
    """An attribute is name:value; a time replays what was served then; a version is pinned."""
    path = f"/v1/environments/{environment}/resolve/summarize"
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    then = api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"][0]["at"]
    audience = [{"when": [{"attribute": "tenant", "in": ["acme"]}]}]
    steps = [{"percent": 0}, {"percent": 100}]
    api.act("start", "summarize", {"version": "1.1.0", "steps": steps, "audience": audience}, environment)

    targeted = api.get(f"{path}?key=u1&attribute=tenant:acme").json
    assert (targeted["version"], targeted["reason"], targeted["arm"]) == (
        "1.1.0",
        "TARGETING_MATCH",
        "canary",
    )
    assert api.get(f"{path}?key=u1&attribute=tenant:acme&at={then}").json["version"] == "1.0.0"
    assert api.get(f"{path}?key=u1&version=1.2.0").json["reason"] == "PINNED"
    assert api.get(f"{path}?key=u1&at=2020-01-01T00:00:00Z").json["code"] == "no_release"


def test_a_version_that_needs_more_is_refused(api: Api, environment: str) -> None:
    """The missing variables are named; force stages it all the same."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    body = {"version": "2.0.0", "plan": "fast"}
    refused = api.act("start", "summarize", body, environment)
    forced = api.act("start", "summarize", {**body, "force": True}, environment)

    assert (refused.status, refused.json["code"]) == (409, "needs_variables")
    assert refused.json["variables"] == ["audience", "language"]
    assert "audience, language" in refused.json["detail"]
    assert forced.status == 200


def test_staging_an_invalid_version_says_why(api: Api, environment: str) -> None:
    """The reason is the catalog's own, and nothing is changed."""
    problem = api.get("/v1/prompts/summarize/versions/2.1.0-rc.1").json["problem"]
    refused = api.act("promote", "summarize", {"version": "2.1.0-rc.1"}, environment)

    assert (refused.status, refused.json["code"]) == (422, "invalid_version")
    assert refused.json["problem"] == problem
    assert problem["message"] in refused.json["detail"]
    assert api.state("summarize", environment)["stable"] is None


def test_a_repeated_request_changes_nothing(api: Api, environment: str) -> None:
    """The same key is answered with what was recorded; with another body it is refused."""
    body = {"version": "1.0.0"}
    first = api.act("promote", "summarize", body, environment, Idempotency_Key="k1")
    again = api.act("promote", "summarize", body, environment, Idempotency_Key="k1")
    other = api.act("promote", "summarize", {"version": "1.1.0"}, environment, Idempotency_Key="k1")

    assert again.json == first.json
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    assert len(api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"]) == 1


def test_if_match_guards_the_state(api: Api, environment: str) -> None:
    """A state that moved on answers 412 and shows itself."""
    path = f"/v1/environments/{environment}/rollouts/summarize"
    tag = api.get(path).headers["ETag"]
    first = api.act("promote", "summarize", {"version": "1.0.0"}, environment, If_Match=tag)
    stale = api.act("promote", "summarize", {"version": "1.1.0"}, environment, If_Match=tag)

    assert first.status == 200
    assert (stale.status, stale.json["code"]) == (412, "precondition_failed")
    assert stale.json["state"]["stable"]["version"] == "1.0.0"


def test_expect_is_what_the_actor_saw(api: Api, environment: str) -> None:
    """A change that somebody else made meanwhile is a conflict, not a surprise."""
    api.act("promote", "summarize", {"version": "1.0.0", "expect": {"stable": None}}, environment)
    late = api.act("promote", "summarize", {"version": "1.1.0", "expect": {"stable": None}}, environment)
    right = api.act("promote", "summarize", {"version": "1.1.0", "expect": {"stable": "1.0.0"}}, environment)

    assert (late.status, late.json["code"]) == (409, "changed")
    assert right.status == 200


def test_a_timed_step_advances_by_itself(api: Api, environment: str) -> None:
    """The schedule is the actor; the next step waits for a person."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    steps = [{"percent": 1, "hold": "1s"}, {"percent": 25}]
    api.act("start", "summarize", {"version": "1.1.0", "steps": steps}, environment)
    until(lambda: api.state("summarize", environment)["rollout"]["step"] == 1, "the schedule")
    newest = api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"][0]

    assert (newest["actor"], newest["op"], newest["from"], newest["to"]) == ("schedule", "advance", 1, 25)
    assert api.state("summarize", environment)["rollout"]["advances_at"] is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/prompts/sumarize/versions", "unknown_prompt"),
        ("/v1/prompts/summarize/versions/9.9.9", "unknown_version"),
        ("/v1/environments/moon/rollouts/summarize", "unknown_environment"),
        ("/v1/environments/moon/releases?names=summarize", "unknown_environment"),
        ("/v1/environments/moon/stream?names=summarize", "unknown_environment"),
        ("/v1/environments/staging/rollouts/nobody", "unknown_prompt"),
        ("/v1/environments/staging/releases/summarize", "no_release"),
        ("/v1/environments/staging/resolve/summarize?key=u1", "no_release"),
        ("/v1/nothing", "not_found"),
    ],
)
def test_what_is_not_there_is_404(api: Api, path: str, code: str) -> None:
    """Every one says which part is unknown, as a problem document."""
    answer = api.get(path)

    assert (answer.status, answer.json["code"]) == (404, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["detail"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ps_wrong", "Basic YTpi", "Bearer \xff"])
def test_no_token_no_answer(registry: Registry, authorization: str) -> None:
    """Everything but health and the documentation wants a known token."""
    stranger = Api(registry.url, "")
    headers = {"Authorization": authorization} if authorization else {}

    assert stranger.get("/v1/prompts", **headers).status == 401
    assert stranger.act("promote", "summarize", {"version": "1.0.0"}, **headers).status == 401
    assert stranger.get("/metrics", **headers).status == 401
    assert stranger.get("/livez", **headers).status == 200
    assert stranger.get("/openapi.json", **headers).status == 200
    stranger.close()


def test_the_admin_token_is_private(registry: Registry) -> None:
    """It is in a file that only the service's user reads, and in no log."""
    assert (registry.data / "admin.token").stat().st_mode & 0o777 == 0o600
    assert registry.api.token not in registry.log


def test_a_key_in_a_query_reaches_no_log(registry: Registry, api: Api) -> None:
    """Keys are about people."""
    api.get("/v1/environments/staging/resolve/summarize?key=somebody-private")

    assert "somebody-private" not in registry.log
