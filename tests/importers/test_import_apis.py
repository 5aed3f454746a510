"""Prompts straight from the API of a hosted tool, and what is said where it refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hosted_api import Asked, HostedApi, Raw, serve
from hosted_dumps import HISTORY, vector

from registry.cli.hosted import api, langfuse, langsmith, mlflow
from registry.errors import Invalid, NotFound, RegistryError, Unauthorized, Unavailable
from registry.importers import langfuse as langfuse_dump
from registry.importers import langsmith as langsmith_dump
from registry.importers import mlflow as mlflow_dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.importers.imported import Files

NAME = "Support/Triage mails"
SECRET = "sk-lf-secret"
MANIFEST = vector("langchain.json")["prompts"]["model"]["manifest"]
ENVIRONMENT = {
    "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
    "LANGFUSE_SECRET_KEY": SECRET,
    "LANGSMITH_API_KEY": SECRET,
    "LANGSMITH_WORKSPACE_ID": "w",
    "MLFLOW_TRACKING_USERNAME": "ada",
    "MLFLOW_TRACKING_PASSWORD": SECRET,
}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Keys in the environment; and waits are kept, and none is waited."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    found: list[float] = []
    monkeypatch.setattr(api, "sleep", found.append)
    return found


def as_langfuse(asked: Asked) -> Any:
    """A project with one prompt of 200 versions, as Langfuse gives it."""
    path, query = asked.path, asked.query
    prompts = "/api/public/v2/prompts"
    if path == prompts:
        data = [
            {"name": NAME, "type": "text", "versions": list(range(1, HISTORY + 1)), "labels": [], "tags": []}
        ]
        return {"data": data, "meta": {"page": 1, "limit": 100, "totalItems": 1, "totalPages": 1}}
    if unquote(path) != f"{prompts}/{NAME}" or "/" in path.removeprefix(f"{prompts}/"):
        return None
    number = int(query["version"])
    text = f"Version {number} for {{{{name}}}}"
    return {
        "name": NAME,
        "version": number,
        "type": "text",
        "prompt": text,
        "config": {},
        "labels": [],
        "tags": [],
    }


def as_langsmith(asked: Asked) -> Any:
    """A workspace with one prompt of 200 commits, and one of somebody else, as LangSmith gives them."""
    path, query = asked.path, asked.query
    if path == "/settings":
        return {"id": "t", "tenant_handle": None}
    if path == "/repos":
        own = {"repo_handle": "triage", "tenant_id": "t", "owner": None, "repo_type": "prompt"}
        return {"repos": [own, own | {"repo_handle": "other", "tenant_id": "x"}], "total": 2}
    if path == "/repos/-/triage/tags":
        return [{"tag_name": "prod", "commit_hash": "c007"}]
    offset = int(query.get("offset", 0))
    newest_first = range(HISTORY - offset, max(HISTORY - offset - 60, 0), -1)
    if path == "/commits/-/triage":
        return {"commits": [listed(number) for number in newest_first], "total": HISTORY}
    if found := re.fullmatch(r"/commits/-/triage/(c\d+)", path):
        return {"commit_hash": found[1], "manifest": MANIFEST, "examples": [], "description": None}
    return None


def listed(number: int) -> dict[str, Any]:
    """A commit in a list."""
    at = f"2025-03-01T10:{number // 60:02}:{number % 60:02}"
    return {
        "commit_hash": f"c{number:03}",
        "created_at": at,
        "full_name": "Ada L",
        "description": f"change {number}",
    }


def as_mlflow(asked: Asked) -> Any:
    """A server with one prompt of 200 versions on two pages, as MLflow gives it."""
    path, query = asked.path, asked.query
    if not re.search("tags.`mlflow.prompt.is_prompt` = 'true'", query.get("filter", "")):
        return None
    if path == "/api/2.0/mlflow/registered-models/search":
        return {"registered_models": [{"name": "triage", "aliases": [{"alias": "prod", "version": "7"}]}]}
    if path != "/api/2.0/mlflow/model-versions/search":
        return None
    first = int(query.get("page_token", 1))
    found = {"model_versions": [of_mlflow(number) for number in range(first, first + 100)]}
    return found | ({"next_page_token": "101"} if first == 1 else {})


def of_mlflow(number: int) -> dict[str, Any]:
    """A version."""
    tags = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": f"Version {number} for {{{{name}}}}"}
    return {
        "name": "triage",
        "version": str(number),
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }


TOOLS: dict[str, tuple[Any, Any, Any]] = {
    "Langfuse": (langfuse.fetch, as_langfuse, langfuse_dump.read),
    "LangSmith": (langsmith.fetch, as_langsmith, langsmith_dump.read),
    "MLflow": (mlflow.fetch, as_mlflow, mlflow_dump.read),
}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[HostedApi]:
    """A stand-in of the tool that the test is about."""
    with serve(TOOLS[request.node.callspec.params["tool"]][1]) as found:
        yield found


def fetched(tool: str, url: str) -> Files:
    """Fetch all prompts of a tool."""
    found: Files = TOOLS[tool][0](url, lambda _: None)
    return found


def failure(tool: str, server: HostedApi, *faults: Raw) -> RegistryError:
    """Return the error of a fetch that meets faults; it never has a key in it."""
    server.faults = list(faults)
    with pytest.raises(RegistryError) as caught:
        fetched(tool, server.url)
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("tool", TOOLS)
def test_a_history_of_200_versions(tool: str, server: HostedApi) -> None:
    """Page by page, oldest first, with what is served."""
    found: list[Any] = list(TOOLS[tool][2](fetched(tool, server.url)))

    assert len(found) == HISTORY
    assert [int(str(each.number).lstrip("c")) for each in found] == list(range(1, HISTORY + 1))
    contents = [each.document["messages"][0]["content"] for each in found]
    assert contents == [
        "Be {{tone}}" if tool == "LangSmith" else f"Version {number} for {{{{name}}}}"
        for number in range(1, HISTORY + 1)
    ]
    assert found[6].labels == (() if tool == "Langfuse" else ("prod",))


@pytest.mark.parametrize("tool", ["Langfuse", "LangSmith"])
def test_requests_are_those_of_the_tools_own_client(
    tool: str, server: HostedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths, the keys and what is asked, but for the order of lists."""
    for name in ("LANGFUSE_SECRET_KEY", "LANGSMITH_API_KEY"):
        monkeypatch.setenv(name, {"LANGFUSE_SECRET_KEY": "sk-lf-1", "LANGSMITH_API_KEY": "lsv2_1"}[name])
    recorded = next(value for name, value in vector("requests.json").items() if name.startswith(tool.lower()))
    fetched(tool, server.url)

    for one in recorded:
        path = one["path"].replace("a/b%20c", "Support%2FTriage%20mails").replace("abc", "c001")
        asked = [each for each in server.asked if each.path == path]
        keys = ("version", "resolve", "limit", "offset", "page", "is_archived")
        wanted = {key: one["query"][key] for key in keys if key in one["query"]}
        assert any(wanted.items() <= each.query.items() and each.headers == one["headers"] for each in asked)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Raw(401, b'{"message": "no sk-lf-secret"}'), (Unauthorized, "refuses the keys (HTTP 401): no ***")),
        (Raw(403, b"<html>"), (Unauthorized, "refuses the keys (HTTP 403)")),
        (Raw(404, b"[]"), (NotFound, "(HTTP 404)\nThe address is what comes before the paths")),
        (Raw(429, headers=(("Retry-After", "3600"),)), (Unavailable, "Nothing is written; run it in 3600 s")),
        (
            Raw(301, headers=(("Location", "https://elsewhere"),)),
            (Unavailable, "points to https://elsewhere"),
        ),
        (Raw(400, b'{"detail": "bad\\u202e"}'), (Invalid, "(HTTP 400): bad\\u202e")),
        (Raw(200, b"<html>"), (Unavailable, "gives no JSON")),
        (Raw(200, b"[" * 99_999), (Unavailable, "gives no JSON")),
    ],
)
def test_refusals_say_what_helps(
    tool: str, server: HostedApi, fault: Raw, said: tuple[type[RegistryError], str], waits: list[float]
) -> None:
    """At once."""
    error = failure(tool, server, fault)

    assert isinstance(error, said[0])
    assert said[1] in error.message
    assert waits == []


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Raw(500, b'{"error": "broken"}'), "(HTTP 500): broken\nNothing is written; run it later"),
        (Raw(429, headers=(("Retry-After", "soon"),)), "has had too many requests"),
        (Raw(200, b'{"data": []}', cut=3), "(its answer was cut off)\nNothing is written"),
    ],
)
def test_failures_are_met_four_times(
    tool: str, server: HostedApi, fault: Raw, why: str, waits: list[float]
) -> None:
    """With longer and longer waits."""
    error = failure(tool, server, *[fault] * api.TRIES)

    assert isinstance(error, Unavailable)
    assert why in error.message
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_recovers_is_asked_on(tool: str, server: HostedApi, waits: list[float]) -> None:
    """And its Retry-After is obeyed."""
    server.faults = [Raw(503), Raw(429, headers=(("Retry-After", "7"),))]

    assert len(list(TOOLS[tool][2](fetched(tool, server.url)))) == HISTORY
    assert waits == [1, 7]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("body", [b"7", b"[]", b'{"data": [7], "repos": "x", "model_versions": 7}'])
def test_answers_of_another_service_are_refused(tool: str, server: HostedApi, body: bytes) -> None:
    """Nothing is taken for a prompt."""
    error = failure(tool, server, *[Raw(200, body)] * 3)

    assert "an answer of" in error.message
    assert f"is this {tool}'s API?" in error.message


def test_a_refused_connection_is_said_at_once(waits: list[float]) -> None:
    """As no wait changes it; and the address may be wrong."""
    with pytest.raises(Unavailable) as caught:
        fetched("Langfuse", "http://127.0.0.1:9")

    assert waits == []
    assert caught.value.message.endswith("such as https://cloud.langfuse.com")


def test_keys_that_are_not_set_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked."""
    monkeypatch.delenv("LANGFUSE_PUBLIC_KEY")

    with pytest.raises(Invalid, match="LANGFUSE_PUBLIC_KEY must be set"):
        fetched("Langfuse", "http://127.0.0.1:9")


@pytest.mark.parametrize("key", ["sk\r1", "sk-\u0142"])
def test_a_key_that_no_header_carries_is_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """HTTP's library would end in a traceback, with the key in it."""
    monkeypatch.setenv("LANGSMITH_API_KEY", key)

    with pytest.raises(Invalid, match="a key for LangSmith holds characters that no key has") as refused:
        fetched("LangSmith", "http://127.0.0.1:9")
    assert key not in str(refused.value)


@pytest.mark.parametrize("source", ["https://pk:sk@host.example.org", "https://", "https://host/?key=1"])
def test_addresses_hold_no_keys(source: str) -> None:
    """They would end in the history of a shell."""
    with pytest.raises(Invalid, match="address"):
        fetched("Langfuse", source)


def test_a_server_that_never_ends_is_left() -> None:
    """A page that comes again is the last."""
    with (
        serve(lambda _: {"model_versions": [], "registered_models": [], "next_page_token": "x"}) as server,
        pytest.raises(Unavailable, match="twice"),
    ):
        fetched("MLflow", server.url)


def test_more_than_an_import_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages a server has."""
    monkeypatch.setattr(api, "ANSWERS_LIMIT", 50)
    with serve(as_langfuse) as server, pytest.raises(Invalid, match="more than one import takes"):
        fetched("Langfuse", server.url)

    assert len(server.asked) == 51


def test_pages_may_be_shorter_than_was_asked() -> None:
    """The server says how many there are; nothing is missed."""

    def answer(asked: Asked) -> Any:
        page = int(asked.query.get("page", 0))
        if not page:
            return {"name": unquote(asked.path.rpartition("/")[2]), "version": 1, "prompt": "x", "config": {}}
        return {"data": [{"name": f"p{page}", "versions": [1]}], "meta": {"totalPages": 3}}

    with serve(answer) as server:
        found: list[Any] = list(langfuse_dump.read(fetched("Langfuse", server.url)))

    assert [each.name for each in found] == ["p1", "p2", "p3"]


def test_a_token_of_mlflow_is_a_bearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no user; and the workspace is named."""
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    with serve(as_mlflow) as server:
        fetched("MLflow", server.url)

    assert server.asked[0].headers == {"authorization": "Bearer t", "x-mlflow-workspace": "team"}
