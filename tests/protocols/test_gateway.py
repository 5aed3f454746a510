"""The way into protocols: switched on or not, tokens in, errors out."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import APIRouter
from starlette.responses import PlainTextResponse
from starlette.routing import Match

from registry.api.http import auth, problem
from registry.errors import NotFound
from registry.protocols.gateway import Endpoints, Gateway
from registry.protocols.protocol import Protocol, Refusal

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def _authorization(headers: Headers) -> str | None:
    key = headers.get("x-key")
    return key and f"Bearer {key}"


def _error(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    return 418 if refusal.status == 404 else refusal.status, {"oops": refusal.detail, "kind": refusal.code}


PROTOCOL = Protocol("langfuse", lambda path: path.startswith("/theirs/"), _authorization, _error, APIRouter())


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the token, or with a problem."""
    headers = dict(scope["headers"])
    answer: ASGIApp = PlainTextResponse(headers.get(b"authorization", b"-"))
    if scope["path"].endswith("/missing"):
        answer = problem.of(NotFound("there is no prompt 'x\ud83d'", code="unknown_prompt"))
    await answer(scope, receive, send)


def ask(path: str, headers: dict[str, str], *, switched_on: bool = True) -> tuple[int, dict[str, str], str]:
    """Ask; the status, headers and body of the answer."""
    services = SimpleNamespace(
        protocols=SimpleNamespace(langfuse=switched_on), answers=SimpleNamespace(moment=None)
    )
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "query_string": b"",
        "app": SimpleNamespace(state=SimpleNamespace(services=services)),
    }
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    asyncio.run(Gateway(_app, [PROTOCOL])(scope, receive, send))
    start, *rest = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], found, b"".join(part["body"] for part in rest).decode("utf-8")


@pytest.mark.parametrize(
    ("path", "headers", "seen"),
    [
        ("/theirs/a", {"x_key": "ps_1"}, "Bearer ps_1"),
        ("/theirs/a", {"authorization": "Bearer ps_2"}, "-"),
        ("/ours/a", {"authorization": "Bearer ps_2", "x_key": "ps_1"}, "Bearer ps_2"),
    ],
)
def test_a_token_is_where_the_protocol_has_it(path: str, headers: dict[str, str], seen: str) -> None:
    """And nowhere else."""
    assert ask(path, headers)[2] == seen


def test_a_problem_becomes_an_error_of_the_protocol() -> None:
    """With the protocol's own status, and bytes that are valid UTF-8 whatever was repeated."""
    status, headers, body = ask("/theirs/missing", {})

    assert (status, headers["content-type"], int(headers["content-length"])) == (
        418,
        "application/json",
        len(body.encode()),
    )
    assert json.loads(body)["kind"] == "unknown_prompt"
    assert ask("/ours/missing", {})[1]["content-type"] == "application/problem+json"


def test_a_protocol_is_off_until_the_operator_switches_it_on() -> None:
    """Who calls it is told how."""
    status, _, body = ask("/theirs/a", {"x_key": "ps_1"}, switched_on=False)

    assert (status, json.loads(body)["kind"]) == (418, "switched_off")
    assert "`langfuse = true` under [protocols]" in json.loads(body)["oops"]


def test_endpoints_take_what_the_gateway_let_in() -> None:
    """By the protocol, not by the path: all other requests go to the app's other routes."""
    endpoints = Endpoints([PROTOCOL])

    assert endpoints.matches({"path": "/theirs/a", auth.PROTOCOL: "langfuse"})[0] is Match.FULL
    assert endpoints.matches({"path": "/theirs/a"})[0] is Match.NONE
