"""The client for an application's own tests."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from client.fake_registry import release

import promptstage
from promptstage import PromptUnavailable, context
from promptstage.stamp import EMPTY, current, stamped
from promptstage.testing import Client


def test_it_takes_the_place_of_a_client() -> None:
    """Texts and messages, rendered as ever, without a thread."""
    before = threading.active_count()
    client = Client.of({"a": "Say {{x}}", "b": [{"role": "system", "content": "Be {{x}}"}]})

    assert isinstance(client, promptstage.Client)
    assert client.get("a").messages(x=1) == [{"role": "user", "content": "Say 1"}]
    assert client.get("b").messages(x=1) == [{"role": "system", "content": "Be 1"}]
    assert client.ready(0)
    assert threading.active_count() == before


def test_it_records_what_was_got() -> None:
    """By `get` and `use`, in order."""
    client = Client.of({"a": "A", "b": {"versions": {"2.0.0": "two", "1.0.0": "one"}}})
    client.get("a")
    with client.use("b"):
        client.get("b", version="1.0.0")
    client.get("c", fallback="mine")

    assert client.got == [("a", "1.0.0"), ("b", "2.0.0"), ("b", "1.0.0"), ("c", "fallback")]


def test_a_version_and_an_arm_can_be_forced() -> None:
    """To test what the application does with a canary."""
    client = Client.of({"a": {"versions": {"1.0.0": "one", "2.0.0": "two"}}})
    client.serve("a", "2.0.0", arm="canary")
    prompt = client.get("a")

    assert (prompt.version, prompt.arm, prompt.text()) == ("2.0.0", "canary", "two")
    with pytest.raises(KeyError):
        client.serve("a", "3.0.0")


def test_a_whole_release_splits() -> None:
    """As the registry would."""
    client = Client.of({"summarize": release(candidate="1.3.0", percent=50)})

    assert {client.get("summarize", key=key).arm for key in range(100)} == {"canary", "control"}


def test_what_is_not_there_is_unavailable() -> None:
    """Prompts and versions that the test did not name."""
    client = Client.of({"a": "A"})
    with pytest.raises(PromptUnavailable, match=r"Client\.of"):
        client.get("b")
    with pytest.raises(PromptUnavailable, match=r"Client\.of"):
        client.get("a", version="9.9.9")


def rolling() -> Client:
    """A client with a rollout at 10 %."""
    return Client.of({"summarize": release(candidate="1.3.0", percent=10)})


@pytest.mark.parametrize(("arm", "version"), [("canary", "1.3.0"), ("control", "1.2.0"), ("stable", "1.2.0")])
def test_every_arm_of_a_rollout_can_be_forced(arm: str, version: str) -> None:
    """For everyone, with the version that the arm gets, one after the other."""
    client = rolling()
    client.serve("summarize", arm="control")
    client.serve("summarize", arm=arm)
    prompts = [client.get("summarize", key=key) for key in range(20)]

    assert {(p.version, p.arm, p.reason, p.rollout) for p in prompts} == {(version, arm, "SPLIT", "r-1")}


def test_an_arm_can_be_forced_for_one_key() -> None:
    """Others go on as before; the key may come from the context."""
    client = Client.of({"a": {"versions": {"1.0.0": "one", "2.0.0": "two"}}})
    client.serve("a", "2.0.0", arm="canary", key=42)

    assert client.get("a", key="42").arm == "canary"
    with context(key=42):
        assert client.get("a").version == "2.0.0"
        assert client.get("a", version="1.0.0").version == "1.0.0"
    assert [client.get("a").version, client.get("a", key="43").version] == ["1.0.0", "1.0.0"]


def test_an_arm_that_is_not_there_cannot_be_forced() -> None:
    """Unless its version is named."""
    client = Client.of({"a": "A"})
    with pytest.raises(KeyError, match="name the version"):
        client.serve("a", arm="canary")


def test_it_notes_how_the_application_asked() -> None:
    """The key and attributes, given or of the context, and the whole prompt."""
    client = rolling()
    client.serve("summarize", arm="canary")
    with context(key="user-42", attributes={"tenant": "acme"}):
        client.get("summarize", attributes={"plan": "pro"})
    client.get("summarize")

    first, second = client.calls
    assert (first.prompt.version, first.prompt.arm, first.key) == ("1.3.0", "canary", "user-42")
    assert first.attributes == {"tenant": "acme", "plan": "pro"}
    assert (second.key, second.attributes) == (None, {})


def test_it_stamps_what_was_forced() -> None:
    """So that an application's test of its log lines sees the arm."""
    client = rolling()
    client.serve("summarize", arm="canary", key="u")
    with stamped(EMPTY):
        client.get("summarize", key="u")
        assert (str(current()), current().arm) == ("summarize@1.3.0", "canary")


@pytest.mark.parametrize("content", [{"versions": {}}, {"versions": ["one"]}, {"model": "small"}])
def test_what_is_no_prompt_says_what_one_is(content: dict[str, object]) -> None:
    """A typing error in a test's own data."""
    with pytest.raises(ValueError, match="a is neither a text, nor messages"):
        Client.of({"a": content})


def test_what_cannot_be_served_says_what_can() -> None:
    """A name, and a version."""
    client = Client.of({"a": "A"})
    with pytest.raises(KeyError, match=r"there is no b here; name it in Client\.of"):
        client.serve("b")
    with pytest.raises(KeyError, match=r"a has no 2\.0\.0 here but 1\.0\.0"):
        client.serve("a", "2.0.0")


def test_what_is_forced_holds_for_an_audience_too() -> None:
    """Although the release has other plans for it."""
    client = Client.of({"summarize": release(candidate="1.3.0", percent=50, audience={"tenant": ["acme"]})})
    client.serve("summarize", arm="control")

    assert client.get("summarize", key="u", attributes={"tenant": "acme"}).arm == "control"


@pytest.mark.parametrize("given", [["summarize"], "summarize", None])
def test_prompts_are_a_mapping(given: Any) -> None:
    """The real client takes names, which say nothing of what is served."""
    with pytest.raises(TypeError, match=r"prompts are a mapping such as \{\"summarize\": .*, not "):
        Client.of(given)
