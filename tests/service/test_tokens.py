"""Tokens over HTTP: who may do what, and what becomes of a token that is revoked or expires."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute
from service.test_stream import Events
from support import Api, until

from registry import app
from registry.access.tokens import Keyring
from registry.api.http.auth import CONSOLE, Authentication
from registry.errors import Unavailable
from registry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support import Answer, Registry

ACTIONS = ("start", "promote", "advance", "pause", "resume", "rollback", "approve", "reject", "{op}")
ROLLOUTS = "/v1/environments/{environment}/rollouts"
# The capability that each route wants. What is not listed fails the test below: decide, then list it.
ROLES: dict[str, str | None] = {
    "GET /livez": None,
    "HEAD /livez": None,
    "GET /readyz": None,
    "HEAD /readyz": None,
    "GET /docs": None,
    "GET /docs/{name}": None,
    "POST /v1/webhooks": None,
    "GET /metrics": "reader",
    "GET /v1/prompts": "reader",
    "GET /v1/prompts/{name:path}/versions": "reader",
    "GET /v1/prompts/{name:path}/versions/{version}": "reader",
    "GET /v1/prompts/{name:path}/versions/{version}/attestations": "reader",
    "POST /v1/attestations": "attest",
    "GET /v1/environments/{environment}/suites/{name:path}": "reader",
    "GET /v1/prompts/{name:path}/diff": "reader",
    "GET /v1/catalog": "reader",
    "GET /v1/doctor": "reader",
    "GET /v1/journal": "reader",
    "GET /v1/notifications": "reader",
    "GET /v1/environments/{environment}/releases": "reader",
    "GET /v1/environments/{environment}/releases/{name:path}": "reader",
    "GET /v1/environments/{environment}/resolve/{name:path}": "reader",
    "POST /v1/environments/{environment}/resolve/{name:path}": "reader",
    "GET /v1/environments/{environment}/stream": "reader",
    "POST /v1/environments/{environment}/stream": "reader",
    "GET /v1/environments/{environment}/clients": "reader",
    "GET /v1/environments/{environment}/history": "reader",
    "GET /v1/environments/{environment}/guard": "reader",
    "GET /v1/environments/{environment}/budgets": "reader",
    "GET /v1/environments/{environment}/alerts": "reader",
    f"GET {ROLLOUTS}": "reader",
    f"GET {ROLLOUTS}/{{name:path}}": "reader",
    f"GET {ROLLOUTS}/{{name:path}}/history": "reader",
    **{f"POST {ROLLOUTS}/{{name:path}}/actions/{op}": "releaser" for op in ACTIONS},
    "GET /v1/environments/{environment}/calls": "reader",
    "GET /v1/environments/{environment}/calls/{call}": "reader",
    "GET /v1/environments/{environment}/usage": "reader",
    "GET /v1/environments/{environment}/evidence/{name:path}": "reader",
    **{
        f"POST /v1/environments/{{environment}}/{what}": "app"
        for what in ("calls", "feedback", "resolutions")
    },
    **{
        f"POST /v1/environments/{{environment}}/{what}": "judge"
        for what in ("scores", "scores/claims", "scores/reservations", "scores/settlements")
    },
    **{
        f"GET /v1/environments/{{environment}}/{what}": "review"
        for what in ("review", "review/agreement", "labels")
    },
    **{
        f"POST /v1/environments/{{environment}}/{what}": "review"
        for what in ("review/{call}/claim", "review/{call}/label", "review/{call}/skip", "labels/pulled")
    },
    "POST /v1/environments/{environment}/erasures": "admin",
    **{f"POST /v1/{signal}{slash}": "app" for signal in ("traces", "logs", "metrics") for slash in ("", "/")},
    "GET /v1/tokens": "admin",
    "POST /v1/tokens": "admin",
    "DELETE /v1/tokens/{identifier}": "admin",
}
HELD = {  # what each capability gives, as the documentation states it
    "reader": {"reader"},
    "app": {"reader", "app"},
    "judge": {"reader", "judge"},
    "attest": {"reader", "attest"},
    "review": {"reader", "review"},
    "releaser": {"reader", "releaser"},
    "admin": {"reader", "app", "judge", "attest", "releaser", "admin"},
}
# Past the check of the token these ask for nothing, or for what makes no sense, so that nothing happens.
QUERY = "?names=summarize@x"


class Holder(Api):
    """Asks with a token of its own."""

    def __init__(self, url: str, made: dict[str, Any]) -> None:
        super().__init__(url, made["secret"])
        self.path = f"/v1/tokens/{made['id']}"


def _is_page(path: str) -> bool:
    """Whether it is the console's, which has sessions of its own."""
    return path == "/" or path.startswith(CONSOLE)


def routes() -> set[str]:
    """Every route that is no documentation and no page of the console, as ``METHOD path``."""
    included = (getattr(route, "original_router", None) for route in app.create(Settings()).routes)
    found = (route for router in included if router for route in router.routes)
    routed = [route for route in found if isinstance(route, APIRoute) and not _is_page(route.path)]
    return {f"{method} {route.path}" for route in routed for method in route.methods or ()}


@pytest.fixture
def create(api: Api) -> Iterator[Callable[..., Holder]]:
    """Makes a token, and gives what asks with it."""
    made: list[Holder] = []

    def make(role: str, name: str | None = None, **fields: Any) -> Holder:
        body = {"name": name or f"{role}-{os.urandom(4).hex()}", "role": role, **fields}
        answer = api.call("POST", "/v1/tokens", body)
        assert answer.status == 201, answer.text
        made.append(Holder(api.url, answer.json))
        return made[-1]

    yield make
    for one in made:
        one.close()


def revoke(api: Api, other: Holder) -> Answer:
    """End another's token."""
    return api.call("DELETE", other.path)


def new(api: Api, **body: Any) -> Answer:
    """Ask for a token."""
    return api.call("POST", "/v1/tokens", {"name": os.urandom(4).hex(), "role": "reader", **body})


def test_every_route_has_its_capability() -> None:
    """Whoever adds a route says here who may call it."""
    assert routes() == set(ROLES)


def test_every_route_wants_its_capability_and_its_environment(
    create: Callable[..., Holder], api: Api
) -> None:
    """Every route with every capability: 401 without a token, 403 with too little, or elsewhere."""
    callers: dict[str | None, Api] = {None: Api(api.url, ""), **{role: create(role) for role in HELD}}
    elsewhere = {role: create(role, environments=["staging"]) for role in HELD}
    for route, wanted in ROLES.items():
        method, path = route.split()
        url = path.replace("{environment}", "production").replace("{name:path}", "-").replace("{op}", "x")
        url = url.replace("{identifier}", "-").replace("{version}", "-") + QUERY
        body: object = {} if method == "POST" else None
        for role, caller in callers.items():
            refused = _refused(caller.call(method, url, body))
            expected = None if wanted is None else 401 if role is None else _lacks(role, wanted)
            assert (route, role, refused) == (route, role, expected)
        for role, caller in elsewhere.items():
            refused = _refused(caller.call(method, url, body))
            limited = "{environment}" in path or path == "/metrics" or wanted == "admin"
            expected = None if wanted is None else 403 if limited else _lacks(role, wanted)
            assert (route, role, refused) == (route, role, expected)
    callers[None].close()


def _refused(answer: Answer) -> int | None:
    # A webhook that is not signed is refused too, whoever sends it.
    if answer.status in {401, 403} and answer.json["code"] in {"unauthorized", "forbidden"}:
        return answer.status
    return None


def _lacks(role: str, wanted: str) -> int | None:
    return None if wanted in HELD[role] else 403


def test_a_stranger_is_refused_before_the_body_is_read(api: Api) -> None:
    """Neither bad JSON nor megabytes are looked at without a token."""
    with closing(Api(api.url, "")) as stranger:
        for body in (b"{", b"x" * 3_000_000):
            assert stranger.act("start", "summarize", body).status == 401


def test_without_a_journal_no_token_is_wrong() -> None:
    """Who asks gets 503 with the remedy: it is the journal that cannot be read."""
    problem = Unavailable("restore the journal", code="journal_missing")
    replica = SimpleNamespace(problem=problem, keyring=Keyring())
    fake = SimpleNamespace(
        state=SimpleNamespace(services=SimpleNamespace(rollouts=SimpleNamespace(replica=replica)))
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/v1/prompts", "headers": [(b"authorization", b"Bearer x")], "app": fake}
    asyncio.run(Authentication(None)(scope, None, send))  # type: ignore[arg-type]

    assert (sent[0]["status"], b"restore the journal" in sent[1]["body"]) == (503, True)


def test_a_token_is_made_and_listed(api: Api) -> None:
    """The secret is in the first answer only."""
    made = new(api, role="releaser", environments=["staging"], expires_in="90d", reason="for the CI").json
    (listed,) = [one for one in api.get("/v1/tokens").json["data"] if one["id"] == made["id"]]

    assert made["secret"].startswith("ps_")
    assert set(made) - set(listed) == {"secret", "epoch", "seq", "commit", "applied"}
    assert (listed["role"], listed["environments"], listed["created_by"]) == (
        "releaser",
        ["staging"],
        "admin",
    )
    assert listed["expires_at"] > listed["created_at"]


@pytest.mark.parametrize(
    ("given", "listed", "role"),
    [
        (["app", "judge"], ["app", "judge"], "reader"),
        (["judge", "reader", "app", "app"], ["app", "judge"], "reader"),
        (["releaser", "app"], ["releaser", "app"], "releaser"),
        (["reader"], ["reader"], "reader"),
        (["attest", "admin"], ["admin"], "admin"),
        (["review", "admin", "releaser"], ["admin", "review"], "admin"),
    ],
)
def test_a_token_has_several_capabilities(api: Api, given: list[str], listed: list[str], role: str) -> None:
    """They are listed without what others imply; `role` is what an older registry would take it for."""
    made = api.call("POST", "/v1/tokens", {"name": os.urandom(4).hex(), "capabilities": given}).json

    assert (made["capabilities"], made["role"]) == (listed, role)
    held = [one for one in api.get("/v1/tokens").json["data"] if one["id"] == made["id"]]
    assert (held[0]["capabilities"], held[0]["role"]) == (listed, role)


def test_a_role_is_a_list_of_one(api: Api) -> None:
    """Every capability may be given in the words of before."""
    assert {name: new(api, role=name).json["capabilities"] for name in HELD} == {
        name: [name] for name in HELD
    }


def test_a_secret_is_kept_nowhere(api: Api, registry: Registry) -> None:
    """Neither in the data folder, but for the first admin's file, nor in the log."""
    secret = new(api).json["secret"].encode()
    files = [path for path in registry.data.rglob("*") if path.is_file() and not path.is_symlink()]

    assert [path for path in files if secret in path.read_bytes()] == []
    assert secret.decode() not in registry.log


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"role": "owner"}, "role"),
        ({"role": "reader", "capabilities": ["app"]}, "give role or capabilities"),
        ({"role": None}, "give role or capabilities"),
        ({"role": None, "capabilities": []}, "capabilities"),
        ({"role": None, "capabilities": ["app", "owner"]}, "capabilities"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name: a name is one line"),
        ({"name": "x" * 101}, "name"),
        ({"name": "schedule"}, "name: schedule is how the registry names itself"),
        ({"name": "Schedule"}, "is how the registry names itself"),
        ({"name": "\uff53chedule"}, "is how the registry names itself"),
        ({"name": "schedule\u3164"}, "name: a name is one line"),
        ({"name": "ada\u200b"}, "name: a name is one line"),
        ({"environments": ["\ud800"]}, "environments"),
        ({"environments": []}, "environments"),
        ({"environments": ["production", "moon"]}, "'moon'; there are production, staging"),
        ({"expires_in": "soon"}, "expires_in: 'soon' is not a time"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at: this time is over"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"expires_in": "1d", "expires_at": "2030-01-01T00:00:00Z"}, "not both"),
        ({"enviroments": ["staging"]}, "enviroments: this key is not known here"),
    ],
)
def test_a_bad_wish_is_refused(api: Api, body: dict[str, Any], words: str) -> None:
    """422 says where, and no token is made."""
    before = api.get("/v1/tokens").json
    answer = new(api, **body)

    assert (answer.status, words in answer.json["detail"]) == (422, True), answer.text
    assert api.get("/v1/tokens").json == before


def test_a_name_is_in_use_once(api: Api, create: Callable[..., Holder]) -> None:
    """So that every change has one actor; a name is free again when its token is gone."""
    first = create("reader", "deploy")
    assert {new(api, name=name).json["code"] for name in ("deploy", "Deploy", "\uff44eploy")} == {
        "name_taken"
    }
    revoke(api, first)

    assert new(api, name="deploy").status == 201


def test_a_repeated_request_makes_no_second_token(api: Api) -> None:
    """It names the first one, whose secret cannot be shown again; other words are another request."""
    body = {"name": "once", "role": "reader"}
    made = api.call("POST", "/v1/tokens", body, Idempotency_Key="once").json
    again = api.call("POST", "/v1/tokens", body, Idempotency_Key="once")
    other = api.call("POST", "/v1/tokens", {**body, "role": "admin"}, Idempotency_Key="once")

    assert (again.status, again.json["code"], again.json["id"]) == (409, "already_created", made["id"])
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")


def test_a_repeated_revocation_is_answered_again(api: Api, create: Callable[..., Holder]) -> None:
    """With the key of the first; without one, the token is gone."""
    path = create("reader").path
    first = api.call("DELETE", path, Idempotency_Key="end")

    assert api.call("DELETE", path, Idempotency_Key="end").json == first.json
    assert (api.call("DELETE", path).status, api.call("DELETE", path).json["code"]) == (404, "unknown_token")


def test_a_strangers_token_is_refused(api: Api) -> None:
    """A token that nobody could have made is refused as it is, and one that somebody could, all the same."""
    for secret in ("ps_short", "ps_" + "x" * 40, "ps_" + "y" * 300):
        with closing(Api(api.url, secret)) as stranger:
            answer = stranger.get("/v1/prompts")
            assert (answer.status, "not known here" in answer.json["detail"]) == (401, True)


def test_a_revoked_token_lets_nobody_in(api: Api, create: Callable[..., Holder], environment: str) -> None:
    """Its open stream ends, others go on, and who still uses it is told."""
    gone, stays = create("reader"), create("reader")
    ending, going_on = (Events(one, environment, {"summarize": None}) for one in (gone, stays))
    assert (ending.next()[0], going_on.next()[0]) == ("heartbeat", "heartbeat")
    assert revoke(api, gone).status == 200

    assert ending.ended()
    assert "was revoked at" in gone.get("/v1/prompts").json["detail"]
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    assert going_on.release()["environment"] == environment
    for events in (ending, going_on):
        events.close()


def test_the_stream_of_an_expired_token_ends(create: Callable[..., Holder], environment: str) -> None:
    """At the next heartbeat."""
    passing = create("reader", expires_in="1s")
    events = Events(passing, environment, {"summarize": None})
    assert events.next()[0] == "heartbeat"

    assert events.ended()
    assert "expired at" in passing.get("/v1/prompts").json["detail"]
    events.close()


def test_every_registry_of_a_folder_knows_at_once(serve: Callable[..., Registry]) -> None:
    """A token made through one is good at the other; revoked through one, its streams at the other end."""
    first, second = serve(), serve()
    made = new(first.api).json
    with closing(Api(second.url, made["secret"])) as there:
        assert there.get("/v1/prompts").status == 200
        first.api.act("promote", "summarize", {"version": "1.0.0"})
        assert there.get("/v1/environments/production/releases/summarize").status == 200
        first.api.act("promote", "support/triage", {"version": "1.0.0"})
        assert there.get("/v1/environments/production/releases?names=support/triage").json["missing"] == []
        assert there.state("summarize")["stable"]["version"] == "1.0.0"
        events = Events(there, "production", {"nothing-yet": None})
        assert events.next()[0] == "heartbeat"
        first.api.call("DELETE", f"/v1/tokens/{made['id']}")
        assert events.ended()
        events.close()
        until(lambda: there.get("/v1/prompts").status == 401, "the token to be revoked")


def test_who_is_shut_out_while_waiting_changes_nothing(
    registry: Registry, create: Callable[..., Holder], environment: str
) -> None:
    """A change that waited for the journal is refused if its token was revoked meanwhile."""
    gone = create("releaser")
    with ThreadPoolExecutor() as pool, registry.journal_held() as waits:
        revoked = pool.submit(revoke, registry.api, gone)
        until(waits, "the revocation to wait")
        changed = pool.submit(gone.act, "promote", "summarize", {"version": "1.0.0"}, environment)
    answer = changed.result()

    assert revoked.result().status == 200
    assert (answer.status, "was revoked at" in answer.json["detail"]) == (401, True)
    assert registry.api.state("summarize", environment)["stable"] is None


def test_the_last_admin_stays(serve: Callable[..., Registry]) -> None:
    """Neither a limited admin counts nor one that expires; a successor takes over."""
    registry = serve()
    (first,) = registry.api.get("/v1/tokens").json["data"]
    new(registry.api, role="admin", environments=["staging"])
    passing = new(registry.api, role="admin", expires_in="1h").json
    refused = registry.api.call("DELETE", f"/v1/tokens/{first['id']}")
    new(registry.api, role="admin", name="successor")

    assert (refused.status, refused.json["code"]) == (409, "last_admin")
    assert registry.api.call("DELETE", f"/v1/tokens/{passing['id']}").status == 200
    assert registry.api.call("DELETE", f"/v1/tokens/{first['id']}").status == 200
    assert registry.api.get("/v1/tokens").status == 401


def test_the_actor_is_the_tokens_name(create: Callable[..., Holder], environment: str) -> None:
    """Whose token it was is in the history."""
    create("releaser", "grace").act("promote", "summarize", {"version": "1.0.0"}, environment)
    history = create("reader").get(f"/v1/environments/{environment}/rollouts/summarize/history").json

    assert [change["actor"] for change in history["data"]] == ["grace"]


def test_the_documentation_of_tokens(api: Api) -> None:
    """Each endpoint has a summary, an example and its errors."""
    paths = api.get("/openapi.json").json["paths"]
    create, revoked = paths["/v1/tokens"]["post"], paths["/v1/tokens/{identifier}"]["delete"]

    assert create["responses"].keys() == {"201", "401", "403", "409", "413", "422", "431", "503"}
    assert revoked["responses"].keys() == {"200", "401", "403", "404", "409", "422", "431", "503"}
    assert create["responses"]["201"]["content"]["application/json"]["example"]["secret"]
