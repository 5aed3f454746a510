"""A real client reports to a real registry: calls, feedback and resolutions, once each, and no content."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from support import Api, until

from client import responses_of as given
from promptstage import Client
from promptstage._calls.identity import hashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Registry


class App:
    """An application of one environment, in which a rollout is under way."""

    def __init__(self, api: Api, environment: str, folder: Path, **settings: Any) -> None:
        self.api = api
        self.path = f"/v1/environments/{environment}"
        self.client = Client(
            api.url,
            token=api.token,
            environment=environment,
            prompts=["summarize"],
            snapshot_dir=folder,
            **settings,
        )
        assert self.client.ready(10), self.client.status()

    def ask(self, key: str) -> str:
        """Make a call; returns its id."""
        with self.client.call("summarize", key=key, conversation=f"c-{key}", route="POST /tickets") as call:
            call.messages(text="planted-content")
            call.record(given.CHAT)
        return call.id

    def calls(self, count: int) -> dict[str, Any]:
        """The calls that the registry has, by id, when there are so many."""

        def look() -> list[Any] | None:
            found: list[Any] = self.api.get(f"{self.path}/calls?limit=500").json["data"]
            return found if len(found) == count else None

        return {call["id"]: call for call in until(look, f"{count} calls")}


@pytest.fixture
def app(api: Api, environment: str, tmp_path: Path) -> Iterator[App]:
    """One whose candidate is served to half of the users."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": [{"percent": 50}]}, environment)
    app = App(api, environment, tmp_path / "snapshots")
    yield app
    app.client.close()


def test_calls_are_there_once(app: App) -> None:
    """Each with what the client knows of it; start records are no calls of their own."""
    made = {app.ask(f"user-{number}"): f"user-{number}" for number in range(20)}
    seen = app.calls(20)

    assert seen.keys() == made.keys()
    assert {call["arm"] for call in seen.values()} == {"canary", "control"}
    for call in seen.values():
        assert (call["prompt"], call["route"], call["input_tokens"]) == ("summarize", "POST /tickets", 1204)
        assert call["version"] == ("1.1.0" if call["arm"] == "canary" else "1.0.0")
        assert call["duration_ms"] is not None
    reports = app.client.status()["reports"]
    assert (reports["state"], reports["refused"], reports["dropped"]) == ("reporting", 0, 0)
    assert reports["sent"] == 40  # all are measured


def test_feedback_and_resolutions_are_joined(app: App) -> None:
    """With their call and conversation, whichever comes first."""
    made = app.ask("user-1")
    app.client.feedback(made, "down", comment="too long")
    app.client.resolved("c-user-1", ok=True)
    app.calls(1)

    def look() -> bool:
        rows = app.api.get(f"{app.path}/usage?by=prompt").json["data"]
        return bool(rows) and rows[0]["feedback"].get("down") == 1 and rows[0]["resolutions"] == 1

    until(look, "feedback")
    assert [call["id"] for call in app.api.get(f"{app.path}/calls?feedback=down").json["data"]] == [made]
    assert [c["id"] for c in app.api.get(f"{app.path}/calls?conversation=c-user-1").json["data"]] == [made]


def test_a_call_that_never_ends_is_known(app: App) -> None:
    """By its start."""
    with app.client.call("summarize", key="user-1") as call:
        until(lambda: app.client.status()["reports"]["sent"] == 1, "the start")
        seen = until(lambda: app.api.get(f"{app.path}/calls/{call.id}").json.get("id"), "the call")
        assert seen == call.id


def test_a_token_that_may_only_read_reports_nothing(
    api: Api, environment: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once; what is served goes on."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    secret = api.call("POST", "/v1/tokens", {"name": "reads", "role": "reader"}).json["secret"]
    app = App(Api(api.url, secret), environment, tmp_path / "snapshots")
    try:
        app.ask("user-1")
        until(lambda: app.client.status()["reports"]["state"] == "stopped", "the end of reports")
        assert app.client.get("summarize").version == "1.0.0"
    finally:
        app.client.close()

    assert caplog.text.count("calls are not reported: 403") == 1


def test_nothing_planted_is_anywhere(
    app: App, registry: Registry, caplog: pytest.LogCaptureFixture, environment: str
) -> None:
    """Keys, conversations, contents: not in the logs of either side, nor in metrics, nor in what is kept."""
    caplog.set_level(logging.DEBUG)
    made = app.ask("planted-key")
    app.client.feedback(made, "down", comment="planted-comment")
    app.client.resolved("c-planted-key")
    app.calls(1)
    time.sleep(0.5)

    answers = [
        app.api.get(f"{app.path}/{what}").text for what in ("calls", f"calls/{made}", "usage?by=route")
    ]
    answers += [app.api.get("/metrics").text, json.dumps(app.client.status()), caplog.text, registry.log]
    kept = b"".join(file.read_bytes() for file in registry.data.rglob("*") if file.is_file())
    for planted in ("planted-key", "planted-content", "planted-comment", hashed("planted-key") or ""):
        assert not [text for text in answers if planted in text]
        assert planted.encode() not in kept


def test_content_is_kept_for_the_sample(
    serve: Callable[..., Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the operator's file asks for; the app learns of it with the first answer."""
    config = tmp_path / "rules.toml"
    config.write_text("[environments.production.content]\nsample = 1.0\n")
    registry = serve(config=str(config))
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    app = App(registry.api, "production", tmp_path / "snapshots")
    try:
        first = app.ask("user-1")
        until(lambda: app.client.status()["reports"]["sample"] == 1.0, "the sample")
        second = app.ask("user-2")
        seen = app.calls(2)
    finally:
        app.client.close()

    assert (seen[first]["sampled"], seen[second]["sampled"]) == (False, True)
