"""Prompts in Mustache, end to end: an app gets them, and older clients hold a start or promote back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from support import PromptRepository, Registry, prompt, until

from promptstage import Client
from registry.rollouts.position import Position
from registry.streams.counts import NOTHING, StreamCounts, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Valkey

    Follow = Callable[..., urllib3.BaseHTTPResponse]

FILE = """\
template: mustache
messages:
  - role: user
    content: |
      Summarize in a {{style.tone}} tone.
      {{#threads}}
      - {{title}}{{^open}} (closed){{/open}}
      {{/threads}}
"""
THREADS = [{"title": "No power", "open": True}, {"title": "No light", "open": False}]
TEXT = "Summarize in a dry tone.\n- No power\n- No light (closed)\n"


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> PromptRepository:
    """A version of the first edition, and two of the second."""
    repository = PromptRepository(tmp_path_factory.mktemp("editions") / "repository")
    repository.tag("summarize", "1.0.0", prompt("Summarize in a {{style.tone}} tone"))
    for version in ("2.0.0", "2.1.0"):
        repository.tag("summarize", version, FILE)
    repository.tag("summarize", "3.0.0", FILE + "  - placeholder: history\n")
    repository.tag("summarize", "4.0.0", "messages: [{placeholder: style.tone, optional: true}]\n")
    return repository


@pytest.fixture(scope="module")
def mustache(prompts: PromptRepository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of those."""
    environments = ",".join(f"env-{n}" for n in range(10))
    started = Registry(prompts.path, tmp_path_factory.mktemp("editions"), environments=environments)
    yield started
    assert started.stop() == 0, started.log


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Opens streams, each of which is counted as soon as it answers."""
    pool = urllib3.PoolManager(10)
    opened = []

    def start(registry: Registry, environment: str, query: str = "", **body: object) -> Any:
        response = pool.request(
            "GET" if query else "POST",
            f"{registry.url}/v1/environments/{environment}/stream{query}",
            json=None if query else {"names": {"summarize": None}, **body},
            headers={"Authorization": f"Bearer {registry.api.token}"},
            preload_content=False,
            timeout=10,
        )
        opened.append(response)
        return response

    yield start
    for response in opened:
        response.close()
    pool.clear()


def act(registry: Registry, op: str, environment: str, **body: object) -> tuple[int, Any, Any]:
    """What a change answers: its status, its code, and how many clients hold it back."""
    answer = registry.api.act(op, "summarize", body, environment)
    return answer.status, answer.json.get("code"), answer.json.get("clients")


def test_an_app_gets_the_text(mustache: Registry, tmp_path: Path) -> None:
    """From a tag to the messages: nothing but a promote, and a client that says what it reads."""
    token = mustache.api.token
    with Client(
        mustache.url, token=token, environment="env-0", prompts=["summarize"], snapshot_dir=tmp_path
    ) as client:
        until(lambda: client.status()["stream"]["state"] == "connected", "the stream")
        assert act(mustache, "promote", "env-0", version="2.0.0")[0] == 200
        assert client.ready(10)
        rendered = client.get("summarize").messages(style={"tone": "dry"}, threads=THREADS)
        pinned = client.get("summarize", version="2.1.0")

    assert rendered == [{"role": "user", "content": TEXT}]
    assert pinned.text({"style.tone": "dry"}) == "Summarize in a dry tone.\n"


def test_a_release_of_the_second_edition(mustache: Registry) -> None:
    """As the contract writes it, for whoever asks."""
    act(mustache, "promote", "env-1", version="2.0.0")
    path = "/v1/environments/env-1/releases/summarize"
    release, same = mustache.api.get(f"{path}?edition=2").json, mustache.api.get(path).json
    document = release["versions"]["2.0.0"]["document"]

    assert release == same
    assert (document["edition"], document["language"], document["portable"]) == (2, "mustache", False)
    assert document["messages"][0].keys() == {"role", "template"}
    assert [(v["name"], v["required"]) for v in document["variables"]] == [
        ("style.tone", True),
        ("threads", False),
    ]


@pytest.mark.parametrize("op", ["promote", "start"])
def test_clients_of_the_first_edition_hold_it_back(mustache: Registry, follow: Follow, op: str) -> None:
    """They are counted, whichever way they follow; those of the second, or of another prompt, are not."""
    environment = {"promote": "env-2", "start": "env-3"}[op]
    act(mustache, "promote", environment, version="1.0.0")
    for body in ({}, {"edition": 1}, {"edition": 2}, {"names": {"support/triage": None}}):
        follow(mustache, environment, **body)
    for query in ("?names=summarize", "?names=summarize&edition=2"):
        follow(mustache, environment, query)
    follow(mustache, "env-9")
    state = mustache.api.state("summarize", environment)

    assert act(mustache, op, environment, version="2.0.0") == (409, "clients_too_old", 3)
    assert mustache.api.state("summarize", environment) == state
    assert act(mustache, op, environment, version="2.0.0", force=True)[0] == 200


def test_the_refusal_says_what_to_do(mustache: Registry, follow: Follow) -> None:
    """And shows the state, as every conflict does."""
    stream = follow(mustache, "env-4")
    refused = mustache.api.act("promote", "summarize", {"version": "2.0.0"}, "env-4").json
    stream.close()

    assert refused["detail"].startswith(
        "summarize@2.0.0 needs a newer promptstage: one connected client reads"
    )
    assert refused["state"]["stable"] is None
    until(lambda: act(mustache, "promote", "env-4", version="2.0.0")[0] == 200, "the client to be gone")


def test_one_refusal_says_all_that_is_forced(mustache: Registry, follow: Follow) -> None:
    """Whoever accepts the one by force would never hear of the other."""
    act(mustache, "promote", "env-7", version="1.0.0")
    follow(mustache, "env-7")
    refused = mustache.api.act("start", "summarize", {"version": "3.0.0"}, "env-7").json

    assert (refused["code"], refused["variables"], refused["clients"]) == ("needs_variables", ["history"], 1)
    assert "requires history, which 1.0.0 does not; let the apps pass it first" in refused["detail"]
    assert "it also needs a newer promptstage: one connected client reads" in refused["detail"]


def test_a_variable_that_became_a_placeholder_is_needed(mustache: Registry) -> None:
    """Apps pass a text by that name, which is no list of messages."""
    act(mustache, "promote", "env-8", version="1.0.0")
    refused = mustache.api.act("start", "summarize", {"version": "4.0.0"}, "env-8").json

    assert (refused["code"], refused["variables"]) == ("needs_variables", ["style.tone"])
    assert "requires style.tone as messages, which 1.0.0 does not" in refused["detail"]


def test_nothing_else_is_held_back(mustache: Registry, follow: Follow) -> None:
    """Neither a version of the first edition, nor the end of a rollout, nor a rollback."""
    act(mustache, "promote", "env-5", version="1.0.0")
    act(mustache, "start", "env-5", version="2.0.0", plan="fast", force=True)
    follow(mustache, "env-5")

    for op, body in (("advance", {}), ("promote", {}), ("rollback", {}), ("promote", {"version": "1.0.0"})):
        status, code, _ = act(mustache, op, "env-5", **body)
        assert (status, code) in {(200, None), (409, "already_stable")}
    act(mustache, "start", "env-5", version="2.1.0", plan="fast", force=True)
    assert act(mustache, "promote", "env-5", version="2.1.0")[0] == 200


def test_a_bad_edition_is_bad_input(mustache: Registry) -> None:
    """In the query and in the body."""
    path = "/v1/environments/env-6/stream"

    assert mustache.api.get(f"{path}?names=a&edition=two").status == 422
    assert mustache.api.call("POST", path, {"names": {}, "edition": 0}).status == 422


def test_all_processes_count(
    prompts: PromptRepository, tmp_path: Path, valkey: Valkey, follow: Follow
) -> None:
    """A registry that is asked knows the streams of the others; without Redis its own alone."""
    first, second = (Registry(prompts.path, tmp_path / "data", redis_url=valkey.url) for _ in range(2))
    try:
        follow(first, "production")
        follow(second, "production")
        answer = (409, "clients_too_old", 2)
        until(lambda: act(first, "promote", "production", version="2.0.0") == answer, "both to be counted")
        valkey.kill()
        assert act(first, "promote", "production", version="2.0.0") == (409, "clients_too_old", 1)
    finally:
        first.kill()
        second.kill()


def test_a_report_of_an_earlier_registry_counts_as_old() -> None:
    """It was told of no edition, and its clients are as old as it is."""
    report = StreamCounts()
    report.open("production", {"a": NOTHING, "b": Position(1, 2)}, 1)
    report.open("production", {"a": NOTHING}, 2)
    report.open_one("production", "c")
    written = json.loads(report.dump())
    earlier = {key: value for key, value in written.items() if key != "too_old"}

    assert load(report.dump().encode()).too_old == {
        ("production", "a"): 1,
        ("production", "b"): 1,
        ("production", "c"): 1,
    }
    assert load(json.dumps(earlier).encode()).too_old["production", "a"] == 2
    report.close("production", {"a": NOTHING, "b": Position(1, 2), "c": NOTHING}, 1)
    report.close("production", {"a": NOTHING}, 2)
    assert not report.too_old
