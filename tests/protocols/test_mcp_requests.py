"""MCP over HTTP, as a client that makes mistakes would send it."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from support import Api

from registry.protocols.mcp.eras import CAPABILITIES, LEGACY, MODERN, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Answer, Registry

PREFIX = "dev.promptstage/"


def url(environment: str) -> str:
    """The endpoint of an environment."""
    return f"/v1/environments/{environment}/mcp"


def ask(api: Api, path: str, method: str, meta: dict[str, Any] | None = None, **params: Any) -> Answer:
    """Ask as a client of today does."""
    sent = {VERSION: MODERN, CAPABILITIES: {}, **(meta or {})}
    headers = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
    if method == "prompts/get":
        headers["Mcp_Name"] = str(params.get("name"))
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": sent}}
    return api.call("POST", path, body, **headers)


def ask_plainly(api: Api, path: str, method: str, **params: Any) -> Answer:
    """Ask as a client of 2025 does."""
    return api.call("POST", path, {"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


@pytest.fixture(scope="module")
def place(registry: Registry, _free: Iterator[str]) -> str:
    """The endpoint of an environment with three prompts, which the tests leave as it is."""
    return prepared(registry.api, next(_free))


def prepared(api: Api, environment: str) -> str:
    """Put three prompts in force; the endpoint."""
    for name in ("summarize", "support/triage", "rich"):
        api.act("promote", name, {"version": "1.0.0"}, environment)
    return url(environment)


def test_today_each_answer_says_what_it_is(api: Api, place: str) -> None:
    """Complete, from this server, and how long it may be kept."""
    found = ask(api, place, "server/discover")
    result = found.json["result"]

    assert (found.status, found.json["id"], result["resultType"]) == (200, 7, "complete")
    assert result["supportedVersions"] == [MODERN]
    assert set(result["capabilities"]) == {"prompts", "completions"}
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "promptstage"
    listed = ask(api, place, "prompts/list").json["result"]
    assert (listed["cacheScope"], listed["ttlMs"] > 0) == ("private", True)


@pytest.mark.parametrize(("wanted", "spoken"), [*zip(LEGACY, LEGACY, strict=True), ("2031-01-01", LEGACY[0])])
def test_before_a_client_began_with_initialize(api: Api, place: str, wanted: str, spoken: str) -> None:
    """And got no session."""
    found = ask_plainly(api, place, "initialize", protocolVersion=wanted, capabilities={}, clientInfo={})
    told = api.call("POST", place, {"jsonrpc": "2.0", "method": "notifications/initialized"})

    assert found.json["result"]["protocolVersion"] == spoken
    assert "mcp-session-id" not in found.headers
    assert (told.status, told.text) == (202, "")
    assert ask_plainly(api, place, "ping").json["result"] == {}
    assert ask_plainly(api, place, "prompts/list").json["result"]["prompts"]


def test_a_prompt_of_today_is_rendered_here(api: Api, place: str) -> None:
    """With sections, and with messages of the app in their place."""
    history = json.dumps([{"role": "assistant", "content": "hello"}])
    arguments = {"text": "go on", "history": history, "formal": "true"}
    result = ask(api, place, "prompts/get", name="rich", arguments=arguments).json["result"]

    assert [(m["role"], m["content"]["text"]) for m in result["messages"]] == [
        ("user", "Be formal."),
        ("assistant", "hello"),
        ("user", "go on"),
    ]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "name"),
        ({"name": 7}, "name"),
        ({"name": "../etc/passwd"}, "there is no prompt"),
        ({"name": "Summarize"}, "there is no prompt"),
        ({"name": "nobody"}, "there is no prompt"),
        ({"name": "summarize"}, "needs text"),
        ({"name": "summarize", "arguments": []}, "arguments"),
        ({"name": "summarize", "arguments": {"text": 1}}, "text"),
        ({"name": "summarize", "arguments": {"text": "x", "tone": "y"}}, "no argument 'tone'"),
    ],
)
def test_wrong_parameters_are_told(api: Api, place: str, params: dict[str, Any], told: str) -> None:
    """With MCP's code, and with HTTP's status for it; before, errors came with a 200."""
    found, plain = ask(api, place, "prompts/get", **params), ask_plainly(api, place, "prompts/get", **params)

    if isinstance(params.get("name"), str):
        assert (found.status, found.json["error"]["code"]) == (400, -32602)
        assert told in found.json["error"]["message"]
    assert (plain.status, plain.json["error"]["code"], plain.json["id"]) == (200, -32602, 7)
    assert told in plain.json["error"]["message"]


def test_an_unknown_method_is_told(api: Api, place: str) -> None:
    """Today by a 404 with JSON-RPC's code, so that it is told from a wrong address."""
    found, plain = ask(api, place, "tools/list"), ask_plainly(api, place, "tools/list")

    assert (found.status, found.json["error"]["code"], found.json["id"]) == (404, -32601, 7)
    assert (plain.status, plain.json["error"]["code"], plain.json["id"]) == (200, -32601, 7)


def test_headers_that_are_there_twice_match_nothing(registry: Registry, place: str) -> None:
    """Or a proxy would read the one, and the registry the other."""
    meta = {VERSION: MODERN, CAPABILITIES: {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "prompts/list", "params": {"_meta": meta}})
    headers = {"Authorization": f"Bearer {registry.api.token}", "MCP-Protocol-Version": MODERN}

    def status(*methods: str) -> int:
        with closing(HTTPConnection("127.0.0.1", registry.port)) as connection:
            connection.putrequest("POST", place)
            for name, value in (*headers.items(), *(("Mcp-Method", method) for method in methods)):
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode())
            return connection.getresponse().status

    assert status("prompts/list") == 200
    assert status("prompts/list", "prompts/get") == status("prompts/get", "prompts/list") == 400


def test_what_http_refuses_is_json_rpc_too(api: Api, environment: str) -> None:
    """A missing token, another environment, another site, another method, too large a body."""
    place = prepared(api, environment)
    limited = api.call(
        "POST", "/v1/tokens", {"name": environment, "role": "reader", "environments": [environment]}
    )
    of_one = Api(api.url, limited.json["secret"])
    nobody = Api(api.url, "")

    assert ask_plainly(nobody, place, "ping").status == 401
    assert ask_plainly(nobody, place, "ping").headers["www-authenticate"] == "Bearer"
    assert ask_plainly(of_one, "/mcp", "prompts/list").json["result"]["prompts"]
    refused = [
        (403, ask_plainly(of_one, url("production"), "ping")),
        (403, api.call("POST", place, b"{}", Origin="https://evil.example")),
        (404, ask_plainly(api, url("nowhere"), "ping")),
        (405, api.get(place)),
        (413, api.call("POST", place, b"x" * (2 << 20))),
        (400, api.call("POST", place, b"{")),
    ]
    assert [answer.status for _, answer in refused] == [status for status, _ in refused]
    assert all(answer.json["jsonrpc"] == "2.0" and answer.json["error"]["message"] for _, answer in refused)


def test_a_token_stays_on_its_arm(api: Api, environment: str) -> None:
    """MCP knows no users; a client that does may send a key, attributes, or a version."""
    place = prepared(api, environment)
    steps = {
        "version": "1.1.0",
        "steps": [{"percent": 50}],
        "audience": [{"when": [{"attribute": "team", "in": ["a"]}]}],
    }
    started = api.act("start", "summarize", steps, environment)
    assert started.status == 200, started.text

    def arm(meta: dict[str, Any] | None = None) -> tuple[str, str]:
        found = ask(api, place, "prompts/get", meta, name="summarize", arguments={"text": "x"}).json["result"]
        return found["_meta"][PREFIX + "version"], found["_meta"][PREFIX + "arm"]

    assert len({arm() for _ in range(20)}) == 1
    assert {arm({PREFIX + "key": f"user-{i}"}) for i in range(40)} == {
        ("1.0.0", "control"),
        ("1.1.0", "canary"),
    }
    assert arm({PREFIX + "attributes": {"team": "a"}}) == ("1.1.0", "canary")
    assert arm({PREFIX + "version": "1.2.0"}) == ("1.2.0", "pinned")
    wrong: list[tuple[str, Any]] = [("key", []), ("attributes", "a"), ("version", 1), ("kee", "x")]
    for field, value in wrong:
        meta = {PREFIX + field: value}
        found = ask(api, place, "prompts/get", meta, name="summarize", arguments={"text": "x"})
        assert (found.status, found.json["error"]["code"]) == (400, -32602)


def test_an_argument_is_completed(api: Api, place: str) -> None:
    """An argument without a default has no values; one that is not there is an error."""
    ref = {"type": "ref/prompt", "name": "support.triage"}
    known = ask(api, place, "completion/complete", ref=ref, argument={"name": "text", "value": "a"})
    unknown = ask(api, place, "completion/complete", ref=ref, argument={"name": "txt", "value": "a"})
    other = ask(api, place, "completion/complete", ref={"type": "ref/resource", "uri": "file:///a"})

    assert known.json["result"]["completion"] == {"values": [], "total": 0, "hasMore": False}
    assert (unknown.json["error"]["code"], other.json["error"]["code"]) == (-32602, -32602)


@pytest.mark.parametrize("cursor", ["x", "!", 7, "é", "Li4v"])
def test_a_cursor_of_somebody_else_is_refused(api: Api, place: str, cursor: Any) -> None:
    """And not taken for the beginning."""
    assert ask(api, place, "prompts/list", cursor=cursor).json["error"]["code"] == -32602
