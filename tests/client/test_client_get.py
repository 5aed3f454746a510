"""What `get` returns, and when it goes to the registry."""

from __future__ import annotations

import asyncio
import pickle
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import trio
from client.fake_registry import (
    BLACK_HOLE,
    GARBAGE,
    SILENT_STREAM,
    FakeRegistry,
    digest,
    release,
    version_of,
)

from promptstage import Client, PromptUnavailable, VariablesMissing, context, stand_in

if TYPE_CHECKING:
    from client.conftest import Connect


def test_get_fetches_a_name_never_seen(connect: Connect) -> None:
    """A first get returns what the registry serves, with all that the contract names."""
    prompt = connect().get("summarize", key="user-42")

    assert (
        prompt.name,
        prompt.version,
        prompt.number,
        prompt.commit,
        prompt.digest,
    ) == ("summarize", "1.2.0", 1, "c0ffee", digest("1.2.0"))
    assert (prompt.arm, prompt.reason, prompt.rollout, prompt.source) == ("stable", "STATIC", None, "live")
    assert 0 <= prompt.age < 5
    assert prompt.model == "openai/gpt-5-mini"
    assert prompt.messages(text="hello") == [{"role": "user", "content": "1.2.0: hello"}]


def test_get_reads_memory_the_second_time(connect: Connect, registry: FakeRegistry) -> None:
    """A name that is held costs no request."""
    registry.mode = SILENT_STREAM
    client = connect()
    for _ in range(1000):
        client.get("summarize")

    assert registry.count("GET") == 1


def test_names_may_hold_slashes(connect: Connect, registry: FakeRegistry) -> None:
    """A slash goes raw into the path."""
    registry.mode = SILENT_STREAM
    registry.releases["support/triage"] = release("support/triage")

    assert connect().get("support/triage").name == "support/triage"
    assert registry.count("/releases/support/triage") == 1


def test_one_fetch_however_many_ask(connect: Connect, registry: FakeRegistry) -> None:
    """Twenty threads that ask for one name never seen make one request."""
    client = connect()
    registry.delay.clear()
    got: list[str] = []
    threads = [Thread(target=lambda: got.append(client.get("summarize").version)) for _ in range(20)]
    for thread in threads:
        thread.start()
    registry.wait(lambda: registry.count("GET") == 1)
    registry.delay.set()
    for thread in threads:
        thread.join()

    assert got == ["1.2.0"] * 20
    assert registry.count("GET") == 1


def test_twenty_names_do_not_wait_twenty_times(connect: Connect, registry: FakeRegistry) -> None:
    """The first failure opens the breaker for all names."""
    registry.mode = BLACK_HOLE
    client = connect(timeout=0.2)
    for number in range(20):
        with pytest.raises(PromptUnavailable) as caught:
            client.get(f"prompt-{number}")
        assert caught.value.reason == "unreachable"

    assert registry.count("GET") == 1
    assert client.status()["breaker"]["open"]


def test_the_breaker_closes_by_itself(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its pause a name that failed is fetched again."""
    monkeypatch.setattr("promptstage.limits.BREAKER_PAUSE", 0.0)
    registry.mode = 500
    client = connect()
    with pytest.raises(PromptUnavailable):
        client.get("summarize")
    registry.mode = "normal"

    assert client.get("summarize").version == "1.2.0"


@pytest.mark.parametrize("code", ["unknown_prompt", "no_release", "unknown_environment"])
def test_a_missing_name_says_which_case_it_is(connect: Connect, registry: FakeRegistry, code: str) -> None:
    """A 404 is an answer: it is not asked for again, and does not open the breaker."""
    registry.missing_code = code
    client = connect()
    for _ in range(5):
        with pytest.raises(PromptUnavailable) as caught:
            client.get("absent")
        assert caught.value.reason == code

    assert registry.count("GET") == 1
    assert client.get("summarize").version == "1.2.0"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_said_once(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture, quick: None, status: int
) -> None:
    """One error in the log however often it happens; `status` keeps saying it, without the token."""
    registry.mode = status
    client = connect(token="secret")
    with pytest.raises(PromptUnavailable, match="PROMPTSTAGE_TOKEN") as caught:
        client.get("summarize")
    registry.wait(lambda: registry.count("POST") >= 3)

    assert caught.value.reason == "unauthorized"
    assert [record.levelname for record in caplog.records if record.name == "promptstage"] == ["ERROR"]
    assert str(status) in str(client.status()["auth_error"])
    assert "secret" not in str(client.status()) + caplog.text + str(caught.value)
    assert registry.tokens == {"Bearer secret"}


def test_a_registry_that_is_not_there_is_not_called_slow(connect: Connect, registry: FakeRegistry) -> None:
    """A refused connection says so, and not that an answer took too long."""
    registry.stop()
    with pytest.raises(PromptUnavailable, match="no connection: Connection refused"):
        connect().get("summarize")


@pytest.mark.parametrize("mode", [500, GARBAGE, 302, BLACK_HOLE])
def test_nothing_usable_is_unreachable(connect: Connect, registry: FakeRegistry, mode: str | int) -> None:
    """Whatever comes that is no release, the error names the registry and what to do."""
    registry.mode = mode
    with pytest.raises(PromptUnavailable, match="fallback=") as caught:
        connect(timeout=0.3).get("summarize")

    assert caught.value.reason == "unreachable"
    assert registry.url in str(caught.value)


@pytest.mark.parametrize(
    "fallback",
    ["Say {{text}}", [{"role": "user", "content": "Say {{text}}"}], lambda: "Say {{text}}"],
)
def test_a_fallback_serves_when_nothing_is_known(
    connect: Connect, registry: FakeRegistry, fallback: object
) -> None:
    """A text, messages, or a callable; it is rendered as strictly as any prompt."""
    registry.mode = 500
    client = connect()
    prompt = client.get("summarize", fallback=fallback)  # type: ignore[arg-type]

    assert (
        prompt.version,
        prompt.arm,
        prompt.reason,
        prompt.source,
    ) == ("fallback", "fallback", "FALLBACK", "fallback")
    assert prompt.messages(text="hi") == [{"role": "user", "content": "Say hi"}]
    with pytest.raises(VariablesMissing, match="text"):
        prompt.text()
    assert client.status()["counts"]["fallbacks"] == 1


def test_a_prompt_may_go_to_another_process(connect: Connect) -> None:
    """Into a queue or a pool; it renders there as it does here."""
    prompt = connect().get("summarize")
    there = pickle.loads(pickle.dumps(prompt))

    assert (there.version, there.document) == (prompt.version, prompt.document)
    assert there.messages(text="hi") == prompt.messages(text="hi")


def test_a_fallback_is_not_used_when_something_is_known(connect: Connect) -> None:
    """What the registry serves wins."""
    assert connect().get("summarize", fallback="mine").version == "1.2.0"


def test_a_fallback_of_another_kind_is_a_type_error(connect: Connect, registry: FakeRegistry) -> None:
    """The error says what a fallback may be."""
    registry.mode = 500
    client = connect()
    for other in ([1], [{"role": "user", "content": None}], [{"role": "user", "content": ["Say"]}]):
        with pytest.raises(TypeError, match="role"):
            client.get("summarize", fallback=other)  # type: ignore[arg-type]


def test_a_pinned_version_is_fetched_once(connect: Connect, registry: FakeRegistry) -> None:
    """It never changes, so once is enough."""
    registry.versions["summarize", "1.0.0"] = version_of("summarize", "1.0.0")
    client = connect()
    prompts = [client.get("summarize", version="1.0.0") for _ in range(3)]

    assert {("1.0.0", "pinned", "PINNED", None)} == {(p.version, p.arm, p.reason, p.rollout) for p in prompts}
    assert registry.requests == ["GET /v1/prompts/summarize/versions/1.0.0"]


def test_a_pinned_version_comes_out_of_a_held_release(connect: Connect, registry: FakeRegistry) -> None:
    """A release that has the version spares the request."""
    client = connect()
    client.get("summarize")

    assert client.get("summarize", version="1.2.0").reason == "PINNED"
    assert registry.count("/versions/") == 0


def test_an_invalid_or_unknown_version_is_unavailable(connect: Connect, registry: FakeRegistry) -> None:
    """Neither is asked for at every get, and both say which case it is."""
    registry.versions["summarize", "0.1.0"] = version_of(
        "summarize", "0.1.0", status="invalid", document=None
    )
    client = connect()
    for version, reason in [("0.1.0", "invalid"), ("0.2.0", "unknown_version")] * 2:
        with pytest.raises(PromptUnavailable) as caught:
            client.get("summarize", version=version)
        assert reason == caught.value.reason

    assert registry.count("GET") == 2
    assert client.get("summarize", version="0.2.0", fallback="mine").version == "fallback"


@pytest.mark.parametrize("version", ["latest", "1.2", "v1.2.0", "../1.2.0", ""])
def test_only_exact_versions_can_be_pinned(connect: Connect, registry: FakeRegistry, version: str) -> None:
    """What moves cannot, and nothing else reaches a path."""
    with pytest.raises(ValueError, match="exact"):
        connect().get("summarize", version=version)

    assert registry.requests == []


@pytest.mark.parametrize(
    "name", ["", "Summarize", "../../tokens", "a//b", "a/", "x" * 201, "summarize?x=1", "a b"]
)
def test_what_is_no_name_is_not_asked_for(connect: Connect, registry: FakeRegistry, name: str) -> None:
    """It cannot exist, and must not spoil the stream of other names."""
    client = connect()
    with pytest.raises(PromptUnavailable) as caught:
        client.get(name)

    assert caught.value.reason == "not_a_name"
    assert client.get(name, version="1.0.0", fallback="mine").version == "fallback"
    assert registry.requests == []
    with pytest.raises(ValueError, match="support/triage"):
        connect(prompts=[name])


def test_pinned_versions_are_bounded(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one not used for longest goes first, and is had again out of its snapshot."""
    monkeypatch.setattr("promptstage.limits.PINNED_VERSIONS", 2)
    client = connect()
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        registry.versions["summarize", version] = version_of("summarize", version)
        client.get("summarize", version=version)

    assert not client._source.pinned("summarize", "1.0.0")
    assert client._source.pinned("summarize", "1.0.2")


def test_aget_works_with_trio(connect: Connect) -> None:
    """In a thread of its own kind; what is held needs none."""
    client = connect()
    prompts = [trio.run(partial(client.aget, "summarize")) for _ in range(2)]

    assert [prompt.version for prompt in prompts] == ["1.2.0", "1.2.0"]


def test_a_cold_aget_does_not_block_the_event_loop(connect: Connect, registry: FakeRegistry) -> None:
    """Other tasks run while a name is fetched."""
    registry.delay.clear()

    async def main() -> str:
        task = asyncio.create_task(connect(timeout=10).aget("summarize"))
        await asyncio.to_thread(registry.wait, lambda: registry.count("GET") == 1)
        assert not task.done()
        registry.delay.set()
        return (await task).version

    assert asyncio.run(main()) == "1.2.0"


def test_a_key_stays_and_a_random_one_is_counted(connect: Connect, registry: FakeRegistry) -> None:
    """Given, from the context, or drawn: only the last is counted."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=50)
    client = connect()
    given = {client.get("summarize", key="user-42").version for _ in range(50)}
    with context(key="user-42"):
        inherited = {client.get("summarize", key="").version for _ in range(50)}
    drawn = {client.get("summarize").version for _ in range(100)}

    assert given == inherited == {"1.3.0"} or given == inherited == {"1.2.0"}
    assert drawn == {"1.2.0", "1.3.0"}
    assert client.status()["counts"]["random_keys"] == 100


def test_a_key_decides_alike_whichever_way_it_comes(connect: Connect, registry: FakeRegistry) -> None:
    """Given, of the context, beside attributes, in a block, or awaited: one key is on one arm."""
    registry.publish(release(candidate="1.3.0", percent=50))
    client = connect()
    got = set()
    for key in map(str, range(40)):
        prompts = [client.get("summarize", key=key), client.get("summarize", key=key, attributes={"a": "b"})]
        with context(key=key, attributes={"tenant": "acme"}), client.use("summarize") as used:
            prompts += [used, client.get("summarize"), asyncio.run(client.aget("summarize"))]
        assert len({(prompt.version, prompt.arm, prompt.reason) for prompt in prompts}) == 1
        got.add(prompts[0].version)

    assert got == {"1.2.0", "1.3.0"}


def test_an_int_is_a_key_in_decimal(connect: Connect, registry: FakeRegistry) -> None:
    """42 and "42" are one user."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=50)
    client = connect()
    assert all(
        client.get("summarize", key=n).arm == client.get("summarize", key=str(n)).arm for n in range(100)
    )


@pytest.mark.parametrize("key", [1.5, True, b"user", object()])
def test_another_key_is_a_type_error(connect: Connect, key: object) -> None:
    """Even where nothing is rolled out, so that the mistake shows at once."""
    with pytest.raises(TypeError, match=r"pass str\("):
        connect().get("summarize", key=key)  # type: ignore[arg-type]
    with pytest.raises(TypeError), context(key=key):  # type: ignore[arg-type]
        pass


def test_attributes_of_the_context_are_defaults(connect: Connect, registry: FakeRegistry) -> None:
    """Those of the call are added, and win; inner blocks inherit."""
    registry.releases["summarize"] = release(
        candidate="1.3.0", audience={"tenant": ["acme"], "plan": ["pro"]}
    )
    client = connect()
    with context(attributes={"tenant": "acme"}):
        assert client.get("summarize", key="u").arm == "stable"
        assert client.get("summarize", key="u", attributes={"plan": "pro"}).reason == "TARGETING_MATCH"
        assert client.get("summarize", key="u", attributes={"plan": "pro", "tenant": "x"}).arm == "stable"
        with context(attributes={"plan": "pro"}):
            assert client.get("summarize", key="u").arm == "canary"


def test_settings_come_from_the_environment(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read when the client is made; arguments win."""
    monkeypatch.setenv("PROMPTSTAGE_URL", registry.url)
    monkeypatch.setenv("PROMPTSTAGE_TOKEN", "from-env")
    monkeypatch.setenv("PROMPTSTAGE_ENVIRONMENT", "staging")
    registry.mode = SILENT_STREAM
    registry.releases["summarize"]["environment"] = "staging"
    with Client() as client:
        assert client.get("summarize").version == "1.2.0"

    assert registry.tokens == {"Bearer from-env"}
    assert registry.count("/v1/environments/staging/releases/summarize") == 1


@pytest.mark.parametrize("url", [None, "", "prompts.example.org", "ftp://prompts.example.org", "http://"])
def test_no_url_is_a_value_error(url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and it says how a URL looks; only tests, such as these, do without."""
    monkeypatch.setattr(stand_in, "without_url", None)
    with pytest.raises(ValueError, match=r"PROMPTSTAGE_URL|https://"):
        Client(url)


def test_secrets_in_the_wrong_place_are_refused_and_not_shown() -> None:
    """A password in the URL, and a token that is none."""
    with pytest.raises(ValueError, match="token=") as in_url:
        Client("https://user:secret@prompts.example.org")
    with pytest.raises(ValueError, match="token=") as in_no_url:
        Client("https://user:secret@prompts.example.org:99999")
    with pytest.raises(ValueError, match="token") as in_token:
        Client("https://prompts.example.org", token="secret\r\nX: y")

    assert "secret" not in str(in_url.value) + str(in_no_url.value) + str(in_token.value)


def test_what_comes_late_is_there_for_the_next(connect: Connect, registry: FakeRegistry) -> None:
    """A caller waits `timeout` and no longer; the fetch goes on without it."""
    registry.delay.clear()
    client = connect(timeout=0.05)
    with pytest.raises(PromptUnavailable, match=r"no answer within 0\.05 s"):
        client.get("summarize")
    registry.delay.set()

    assert client.ready(10)
    assert client.get("summarize").version == "1.2.0"


def test_a_path_before_the_api_is_kept(connect: Connect, registry: FakeRegistry) -> None:
    """As a reverse proxy may have one."""
    registry.mode = SILENT_STREAM
    connect(f"{registry.url}/prompts/").get("summarize")

    assert registry.count("GET /prompts/v1/environments/production/releases/summarize") == 1


def test_after_close_what_is_held_is_served(connect: Connect) -> None:
    """And what is not says that the client is closed."""
    client = connect()
    client.get("summarize")
    client.close()

    assert client.get("summarize").version == "1.2.0"
    with pytest.raises(PromptUnavailable) as caught:
        client.get("another")
    assert caught.value.reason == "closed"


@pytest.mark.parametrize("attributes", [[("tenant", "acme")], "acme", 3])
def test_attributes_are_a_mapping_from_the_first_call_on(
    connect: Connect, registry: FakeRegistry, attributes: Any
) -> None:
    """A mistake shows in development, and not when a rollout gets an audience."""
    with pytest.raises(TypeError, match="mapping"):
        connect().get("summarize", attributes=attributes)
