"""Every protocol goes on without Redis and without a database, and while another token sends too much."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from select import select
from typing import TYPE_CHECKING

import pytest
from protocols.conftest import PROTOCOLS
from service.conftest import valkey  # noqa: F401 - a fixture
from support import PATIENCE, Api, PromptRepository, Registry

from registry.api.http.bounds import BODY_BYTES
from registry.api.http.dependencies import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Answer, Valkey

NOWHERE = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"
EACH = "/v1/environments/production"
LIST = {"jsonrpc": "2.0", "id": 7, "method": "prompts/list"}
TOO_MANY = BODY_BYTES // MAX_BODY_BYTES + 1  # messages of one token at once


@pytest.fixture
def alone(
    repository: PromptRepository,
    tmp_path: Path,
    valkey: Valkey,  # noqa: F811 - the fixture
) -> Iterator[Registry]:
    """A registry whose database cannot be reached, and whose Redis has died."""
    config = tmp_path / "rules.toml"
    config.write_text("[protocols]\n" + "".join(f"{name} = true\n" for name in PROTOCOLS))
    registry = Registry(
        repository.path, tmp_path / "data", config=str(config), redis_url=valkey.url, database_url=NOWHERE
    )
    assert registry.api.act("promote", "summarize", {"version": "1.0.0"}).json["applied"] is True
    valkey.kill()
    yield registry
    registry.kill()


def ask_each(api: Api) -> dict[str, Answer]:
    """What each protocol serves to one user."""
    flags, context = f"{EACH}/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "u1"}}
    basic = b64encode(f"pk:{api.token}".encode()).decode()
    langfuse = "/api/public/v2/prompts/summarize?label=production"
    arguments = {"name": "summarize", "arguments": {"text": "x"}}
    return {
        "ours": api.get(f"{EACH}/resolve/summarize?key=u1"),
        "ofrep": api.call("POST", f"{flags}/summarize", context),
        "all flags": api.call("POST", flags, context),
        "mcp": api.call("POST", f"{EACH}/mcp", LIST | {"method": "prompts/get", "params": arguments}),
        "langfuse": api.get(langfuse, Authorization=f"Basic {basic}"),
        "litellm": api.get("/beta/litellm_prompt_management?prompt_id=summarize"),
    }


def test_protocols_go_on_without_redis_and_database(alone: Registry) -> None:
    """They serve each change, as our own interface does."""
    for version in ("1.1.0", "1.2.0"):
        changed = alone.api.act("promote", "summarize", {"version": version})
        assert changed.json["applied"] is False
        for protocol, answer in ask_each(alone.api).items():
            assert (answer.status, f"summarize {version}" in answer.text) == (200, True), protocol
    assert alone.api.get(f"{EACH}/usage").status == 503


@pytest.fixture
def reader(api: Api, environment: str) -> Iterator[Api]:
    """Somebody else, with a token of their own."""
    made = api.call("POST", "/v1/tokens", {"name": f"mcp {environment}", "role": "reader"}).json
    with closing(Api(api.url, made["secret"])) as other:
        yield other


def test_who_sends_too_much_at_once_is_told_when_to_ask_again(
    registry: Registry, environment: str, reader: Api
) -> None:
    """In JSON-RPC, with HTTP's Retry-After; another token's requests are answered."""
    place = f"/v1/environments/{environment}/mcp"
    with ExitStack() as stack:
        sending = [stack.enter_context(half_sent(registry, place)) for _ in range(TOO_MANY)]
        readable, _, _ = select([connection.sock for connection in sending], [], [], PATIENCE)
        (told,) = [connection for connection in sending if connection.sock in readable]
        refused = told.getresponse()
        error = json.loads(refused.read())["error"]
        other = reader.call("POST", place, LIST)

    assert (refused.status, refused.headers["Retry-After"], error["data"]["code"]) == (503, "1", "busy")
    assert "send fewer at once" in error["message"]
    assert (other.status, other.json["id"]) == (200, 7)


@contextmanager
def half_sent(registry: Registry, place: str) -> Iterator[HTTPConnection]:
    """A message whose rest is still to come."""
    with closing(HTTPConnection("127.0.0.1", registry.port)) as connection:
        connection.putrequest("POST", place)
        connection.putheader("Authorization", f"Bearer {registry.api.token}")
        connection.putheader("Content-Length", str(MAX_BODY_BYTES))
        connection.endheaders(b"{")
        yield connection
