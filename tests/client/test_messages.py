"""What the client says when something is wrong: what is served instead, and what to do."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import SILENT_STREAM, FakeRegistry, event, release, until

from promptstage import Client, PromptUnavailable, stand_in
from promptstage._http.registry_errors import fault_of

if TYPE_CHECKING:
    from pathlib import Path

    from client.conftest import Connect


def words(client: Client, name: str, version: str | None = None) -> str:
    """What the error says."""
    with pytest.raises(PromptUnavailable) as caught:
        client.get(name, version=version)
    return str(caught.value)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """What the client logged."""
    return [r.getMessage() for r in caplog.records if r.name == "promptstage" and r.levelno >= level]


def test_an_unknown_name_comes_with_those_that_may_be_meant(connect: Connect, registry: FakeRegistry) -> None:
    """Those that the registry suggests, in its words, and those that this client knows."""
    registry.missing_code = "unknown_prompt"
    registry.missing_detail = "there is no prompt 'summarise'; did you mean summaries?"
    client = connect()
    client.get("summarize")

    said = words(client, "summarise")
    assert "did you mean summaries?" in said
    assert "this client knows summarize" in said
    assert "promptstage tag summarise" in said


def test_what_is_not_released_comes_with_the_command(connect: Connect) -> None:
    """For this very name and environment."""
    assert "promptstage promote later VERSION -e production" in words(connect(), "later")


def test_an_unknown_version_comes_with_those_that_there_are(connect: Connect) -> None:
    """In the registry's words, and with the command that lists them."""
    said = words(connect(), "summarize", "9.9.9")

    assert "promptstage versions summarize" in said
    assert "(not there)" in said


def test_a_refused_token_comes_with_how_to_have_one_made(connect: Connect, registry: FakeRegistry) -> None:
    """And with what the registry has against this one."""
    registry.mode = 401
    said = words(connect(token="secret"), "summarize")

    assert "promptstage token create --role reader -e production" in said
    assert "401 as the test wants it" in said
    assert "secret" not in said


def test_an_outage_is_told_once_with_what_is_served_instead(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """And its end too."""
    caplog.set_level(logging.INFO)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.mode = 500
    registry.drop_streams()
    registry.wait(lambda: registry.count("POST") >= 5)
    registry.mode = "normal"
    until(lambda: client.status()["stream"]["state"] == "connected")

    lost, again = lines(caplog, logging.INFO)
    assert "cannot be reached (500 as the test wants it); get goes on with the 1 held, confirmed" in lost
    assert again == "the registry answers again"


def test_an_outage_after_a_restart_tells_of_the_snapshot(
    connect: Connect, registry: FakeRegistry, quick: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads it knows that it may be old."""
    with Client(registry.url, snapshot_dir=tmp_path) as before:
        before.get("summarize")
    registry.mode = 500
    connect(prompts=["summarize"], snapshot_dir=tmp_path)
    until(lambda: bool(lines(caplog)))

    assert "1 held, 1 of them from an earlier run's snapshot" in lines(caplog)[0]


def test_an_outage_in_which_nothing_is_held_says_so(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing to go on with."""
    registry.mode = 500
    connect(prompts=["summarize"])
    until(lambda: bool(lines(caplog)))

    assert "nothing is held, so get returns its fallback" in lines(caplog)[0]


def test_a_stream_that_ends_is_no_outage(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A registry that is started again ends its streams; the next attempt succeeds."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    registry.drop_streams()
    registry.wait_for_streams(2)

    assert lines(caplog) == []


def test_a_fallback_is_told_once_a_name(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """With why."""
    client = connect()
    for _ in range(5):
        client.get("later", fallback="mine")

    assert len(lines(caplog)) == 1
    assert "the fallback is served: no later in production" in lines(caplog)[0]


def test_a_cold_get_in_an_event_loop_is_told_once(
    connect: Connect,
    registry: FakeRegistry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With where it is and what to use; only where it really has to wait."""
    monkeypatch.setattr("promptstage._replica.fetcher._warned", False)
    registry.mode = SILENT_STREAM
    registry.releases["other"] = release("other")
    client = connect()

    async def main() -> None:
        await client.aget("summarize")
        client.get("summarize")
        assert lines(caplog) == []
        client.get("other")
        client.get("later", fallback="mine")

    asyncio.run(main())
    told = [line for line in lines(caplog) if "aget" in line]
    assert len(told) == 1
    assert __file__ in told[0]


def test_a_cold_use_in_an_event_loop_is_told_with_its_line(
    connect: Connect,
    registry: FakeRegistry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The application's, and not that of what makes a function a `with`."""
    monkeypatch.setattr("promptstage._replica.fetcher._warned", False)
    registry.mode = SILENT_STREAM

    async def main() -> None:
        with connect().use("summarize"):
            pass

    asyncio.run(main())
    assert lines(caplog)[0].startswith(f"{__file__}, line ")


def test_a_cold_get_outside_of_a_loop_is_nothing_to_tell(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what `get` is for."""
    monkeypatch.setattr("promptstage._replica.fetcher._warned", False)
    connect().get("summarize")

    assert lines(caplog) == []


def test_what_is_not_ready_is_named(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """With the registry's reason, although nobody got it; whoever only looks is not told each time."""
    registry.missing_code = "unknown_prompt"
    registry.missing_detail = "did you mean summarize?"
    client = connect(prompts=["summarize", "sumarize"])
    until(lambda: client.status()["prompts"]["sumarize"]["error"] == "unknown_prompt")
    client.ready(0)
    assert lines(caplog) == []
    client.ready(0.01)

    assert "not ready after 0.01 s: no sumarize in production" in lines(caplog)[0]
    assert "did you mean summarize?" in lines(caplog)[0]


def test_why_there_is_nothing_is_asked_again(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has tagged it since, so that the remedy is another one."""
    monkeypatch.setattr("promptstage.limits.INQUIRE_EVERY", 0.0)
    registry.missing_code = "unknown_prompt"
    client = connect(prompts=["later"])
    until(lambda: "promptstage tag later" in words(client, "later"))
    registry.missing_code = "no_release"
    registry.beat()

    until(lambda: "promptstage promote later" in words(client, "later"))


def test_why_there_is_nothing_is_asked_once_in_a_while(connect: Connect, registry: FakeRegistry) -> None:
    """Not at each heartbeat."""
    client = connect(prompts=["later"])
    until(lambda: client.status()["prompts"]["later"]["error"] == "no_release")
    for _ in range(3):
        registry.beat()
    registry.publish(release(seq=2))
    until(lambda: client.status()["stream"]["head"] == "100.2")

    assert registry.count("GET") == 1


def test_not_ready_without_a_registry_says_so(
    connect: Connect, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not the prompts that are missing."""
    registry.mode = 500
    client = connect(prompts=["summarize"])
    until(lambda: client.status()["stream"]["state"] == "backing off")
    client.ready(0.01)

    assert lines(caplog) == ["not ready after 0.01 s: summarize (500 as the test wants it)"]


def test_a_registry_that_cannot_say_why_is_not_pressed(
    connect: Connect, registry: FakeRegistry, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several names it is asked about the first, and the stream goes on."""
    client = connect(prompts=["one", "two"])
    until(lambda: client.status()["prompts"]["two"]["error"] is not None)
    monkeypatch.setattr("promptstage.limits.INQUIRE_EVERY", 0.0)
    before, registry.mode = registry.count("GET"), 500
    registry.beat()
    until(lambda: client.status()["last_error"] is not None)
    registry.send(event("release", release("two", seq=2)))

    until(lambda: client.get("two", fallback="mine").version == "1.2.0")
    assert registry.count("GET") == before + 1
    assert client.status()["counts"]["streams_opened"] == 1


@pytest.mark.parametrize("name", ["Summarize", "summarize.prompt.yml", "summarize@1.2.0", "", 5])
def test_what_cannot_be_a_name_is_told_what_names_look_like(
    connect: Connect, registry: FakeRegistry, name: str
) -> None:
    """And not to tag it; the registry is not asked."""
    client = connect()
    said = words(client, name)

    assert "names look like support/triage" in said
    assert "promptstage tag" not in said
    assert registry.requests == []
    with pytest.raises(ValueError, match="names look like support/triage"):
        connect(prompts=[name])


def test_a_file_name_comes_with_the_prompt_that_is_meant(connect: Connect) -> None:
    """Where this client knows it."""
    client = connect()
    client.get("summarize")

    assert "this client knows summarize" in words(client, "summarize.prompt.yml")


@pytest.mark.parametrize("path", ["/v1", "/docs"])
def test_a_url_of_something_else_says_so(connect: Connect, registry: FakeRegistry, path: str) -> None:
    """The registry has a 404 for it that is about no prompt."""
    registry.missing_code = "not_found"
    registry.releases.clear()
    said = words(connect(registry.url + path), "summarize")

    assert "no registry has that url; it is what comes before /v1" in said
    assert "check url= or PROMPTSTAGE_URL" in said


def test_the_space_around_a_setting_is_not_of_it(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of variables or secrets ends with a line break, which nobody sees."""
    monkeypatch.setenv("PROMPTSTAGE_URL", f" {registry.url}/\n")
    monkeypatch.setenv("PROMPTSTAGE_ENVIRONMENT", "production\n")
    with Client(prompts=["summarize"]) as client:
        assert client.ready(10)
        assert client.status()["environment"] == "production"
    monkeypatch.setattr(stand_in, "without_url", None)
    monkeypatch.setenv("PROMPTSTAGE_URL", "\n")
    with pytest.raises(ValueError, match="set PROMPTSTAGE_URL"):
        Client()


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://[::1", "http://a b", "tcp://10.0.0.1:80"])
def test_a_url_that_is_none_says_what_one_is(connect: Connect, url: str) -> None:
    """And not what a part of it is."""
    with pytest.raises(ValueError, match=r"is no registry; it should look like https://"):
        connect(url)


@pytest.mark.parametrize("timeout", ["soon", None, -1, float("nan")])
def test_a_timeout_that_is_none_is_refused_at_once(connect: Connect, timeout: Any) -> None:
    """And not when the first prompt is asked for."""
    with pytest.raises(ValueError, match="timeout is a number of seconds, not"):
        connect(timeout=timeout)


def test_a_timeout_without_an_end(connect: Connect) -> None:
    """A socket would refuse it."""
    client = connect(timeout=float("inf"), prompts=["summarize"])

    assert client.ready(float("inf"))
    assert client.get("summarize").source == "live"


def test_an_unknown_environment_is_not_taken_for_a_wrong_url() -> None:
    """The registry answers, and says which environments there are."""
    fault = fault_of(
        404, "Not Found", {}, b'{"code": "unknown_environment", "detail": "there is no environment \'moon\'"}'
    )

    assert str(fault) == "404 there is no environment 'moon'"
    assert "before /v1" in str(fault_of(404, "Not Found", {}, b"<html>"))


def test_https_where_there_is_http_says_so(connect: Connect, registry: FakeRegistry) -> None:
    """And not only what OpenSSL calls it."""
    said = words(connect(registry.url.replace("http:", "https:")), "summarize")

    assert "no TLS" in said
    assert "is it http instead of https?" in said


def test_a_token_that_is_no_text_is_refused_at_once(connect: Connect, tmp_path: Path) -> None:
    """A path, whose read_text was meant."""
    with pytest.raises(TypeError, match="a token is a str, or a callable that returns one, not "):
        connect(token=tmp_path)


def test_a_token_that_is_refused_again_is_told_again(
    connect: Connect, registry: FakeRegistry, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Once each time: it was good in between."""
    client = connect(prompts=["summarize"])
    for _ in range(2):
        until(lambda: client.status()["stream"]["state"] == "connected")
        registry.mode, before = 401, registry.count("POST")
        registry.drop_streams()
        until(lambda: registry.count("POST") > before + 2)  # noqa: B023 - called before it changes
        registry.mode = "normal"

    assert len(lines(caplog, logging.ERROR)) == 2


def test_a_client_says_which_one_it_is(connect: Connect, registry: FakeRegistry) -> None:
    """In a debugger, without its token."""
    client = connect(token="secret", environment="staging")

    assert repr(client) == f"<promptstage.client.Client of {registry.url}: staging>"


def test_what_the_registry_suggests_is_not_said_again(connect: Connect, registry: FakeRegistry) -> None:
    """Although this client knows it, too."""
    registry.missing_code = "unknown_prompt"
    registry.missing_detail = "did you mean summarize?"
    client = connect()
    client.get("summarize")

    assert "this client knows" not in words(client, "summarise")


@pytest.mark.parametrize("kept", ["", "/v1/environments/production/releases/a"])
def test_a_registry_that_has_moved_says_where(connect: Connect, registry: FakeRegistry, kept: str) -> None:
    """The url is what comes before /v1. The token is for this host, and is not sent to another."""
    new = FakeRegistry()
    registry.mode, registry.headers = 301, {"Location": f"http://user:secret@127.0.0.1:{new.port}{kept}"}
    said = words(connect(token="secret"), "a")
    new.stop()

    assert f"301: the registry has moved to {new.url}; use that url" in said
    assert new.tokens == {None}
    assert "secret" not in said


@pytest.mark.parametrize(
    "location", ["https://[", "ftp://127.0.0.1/v1", "http://127.0.0.1:1/login?next=%0a", "//"]
)
def test_a_redirect_to_elsewhere_is_not_advised(
    connect: Connect, registry: FakeRegistry, location: str
) -> None:
    """What is there is looked at first."""
    registry.mode, registry.headers = 302, {"Location": location}

    assert "no registry answers there" in words(connect(), "a")
