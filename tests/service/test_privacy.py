"""Planted words of users are looked for in all that a registry keeps or says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from support import PATIENCE, Api, PromptRepository, Registry, until

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY, TALK = "zelda.quux@example.org", "conversation-of-zelda-quux"
QUESTION, ANSWER = "my card is 4111-1111-1111-1111", "dear zelda, your card was charged"
API_KEY = "sk-planted-0123456789abcdef"
PLANTED = (KEY, TALK, QUESTION, ANSWER, API_KEY)
HERE = "/v1/environments/production"


class Planted(Exception):
    """An error of an app that names what it should not."""


@pytest.fixture(params=[0, 1], ids=["no sampling", "sampling"])
def registry(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Registry]:
    """A registry that asks for no content, or for all of it."""
    author = PromptRepository(tmp_path / "prompts")
    author.tag("summarize", "1.0.0")
    rules = tmp_path / "rules.toml"
    rules.write_text(f"[environments.production.content]\nsample = {request.param}\n")
    started = Registry(author.path, tmp_path / "data", config=str(rules), access_log="1")
    assert started.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    yield started
    started.kill()


def tell(client: Client) -> None:
    """What an app does in a day, with words that nobody else may see."""
    for error in (None, Planted(f"{API_KEY}: {QUESTION}")):
        try:
            with client.call("summarize", key=KEY, conversation=TALK) as call:
                call.messages(text=QUESTION)
                call.record({"choices": [{"message": {"content": ANSWER}}], "usage": {"prompt_tokens": 9}})
                if error:
                    raise error
        except Planted:
            pass
    client.feedback(call.id, "down", comment=QUESTION)
    client.resolved(TALK, ok=True)


def test_nothing_of_it_is_kept_or_said(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    """In files, logs, metrics, answers and errors; with sampling the content is there for reviewers alone."""
    caplog.set_level(logging.DEBUG)
    made = registry.api.call("POST", "/v1/tokens", {"name": "web", "capabilities": ["app"]}).json
    with Client(
        registry.url, token=made["secret"], prompts=["summarize"], snapshot_dir=tmp_path / "snapshots"
    ) as client:
        assert client.ready(10)
        tell(client)
        until(lambda: client.status()["reports"]["sent"] >= 2, "the reports")
        tell(client)  # once the client knows what the registry asks for
        api = registry.api
        calls = until(lambda: _enough(api), "the calls", patience=3 * PATIENCE)
    registry.api.call("POST", f"{HERE}/calls", {"batch": QUESTION, "calls": [{"id": KEY, "at": ANSWER}]})
    registry.api.call("POST", f"{HERE}/feedback", {"call": KEY, "kind": QUESTION})
    said = [str(calls), api.get("/metrics").text, api.get("/v1/doctor").text, registry.log]
    said += [
        api.get(f"{HERE}/usage?by=prompt,model,route").text,
        api.get(f"{HERE}/calls/{calls[0]['id']}").text,
    ]
    said += [record.getMessage() + str(record.__dict__) for record in caplog.records]

    assert [word for word in PLANTED for text in said if word in text] == []
    samples = "no sampling" not in request.node.name
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    never = (KEY, TALK, API_KEY) if samples else PLANTED
    assert [word for word in never if word.encode() in kept] == []
    assert any(call["sampled"] for call in calls) == samples
    if samples:
        read = next(call["id"] for call in calls if call["sampled"])
        _check_reviewers(api, read)
        registry.find(f"The content of call {read} in production was read by review")


def _enough(api: Api) -> Any:
    calls = api.get(f"{HERE}/calls").json["data"]
    return calls if len(calls) == 4 and any("feedback" in call for call in calls) else None


def _check_reviewers(api: Api, call: str) -> None:
    """Content is shown to who may review, and to nobody else, also not to an admin."""
    tokens = {
        role: api.call("POST", "/v1/tokens", {"name": role, "capabilities": [role]}).json["secret"]
        for role in ("reader", "judge", "review", "releaser")
    }
    path = f"{HERE}/calls/{call}?content=true"
    seen = {role: Api(api.url, token).get(path) for role, token in tokens.items()}
    seen["admin"] = api.get(path)

    assert {role: answer.status for role, answer in seen.items() if role != "review"} == dict.fromkeys(
        ("reader", "judge", "releaser", "admin"), 403
    )
    assert QUESTION in seen["review"].text
    assert ANSWER in seen["review"].text
    assert not any(KEY in answer.text or TALK in answer.text for answer in seen.values())
