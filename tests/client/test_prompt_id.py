"""Requests of LiteLLM that name a prompt by `prompt_id`."""

from __future__ import annotations

from typing import Any

import pytest

from promptstage._prompt_id import Asked, note, put_in, read
from promptstage.stamp import Stamp

BUILT = {"model": "openai/gpt-5", "temperature": 0.2, "messages": [{"role": "system", "content": "S"}]}
NOTED = {"promptstage.prompt": "summarize@1.2.0"}


def test_a_request_without_a_prompt_asks_nothing() -> None:
    """It is none of ours."""
    assert read({"messages": []}, "production") is None
    assert read({"prompt_id": ""}, "production") is None


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        ({}, None),
        ({"user": "u"}, "u"),
        ({"user": "u", "metadata": {"promptstage.key": "k", "user_id": "m"}}, "k"),
        ({"metadata": {"user_id": "m"}}, "m"),
        ({"metadata": {"user_api_key_end_user_id": 7}}, "7"),
        ({"metadata": None, "user": ""}, None),
    ],
)
def test_a_user_is_the_key(request_: dict[str, Any], key: str | None) -> None:
    """Or what the metadata says, of which ours comes first."""
    assert read({"prompt_id": "summarize", **request_}, "production") == Asked("summarize", {}, None, key)


@pytest.mark.parametrize(
    ("given", "version"), [(None, None), (1_002_000, "1.2.0"), ("1.2.0", "1.2.0"), ("", None), (True, "True")]
)
def test_a_version_is_an_integer_there(given: object, version: str | None) -> None:
    """As LiteLLM types it; a text is taken as it is."""
    asked = read({"prompt_id": "summarize", "prompt_version": given}, "production")

    assert asked is not None
    assert asked.version == version


def test_another_environment_is_refused() -> None:
    """A client has one."""
    assert read({"prompt_id": "summarize", "prompt_label": "production"}, "production")
    with pytest.raises(ValueError, match="this client's is production, not staging"):
        read({"prompt_id": "summarize", "prompt_label": "staging"}, "production")


def test_a_prompt_comes_before_the_messages_and_wins() -> None:
    """What asked for it is gone, so that no other hook puts it in again."""
    request = {
        "model": "mine",
        "temperature": 1,
        "user": "u",
        "prompt_id": "summarize",
        "prompt_variables": {"a": "b"},
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"team": "a", "spend_logs_metadata": {"cost": "c"}},
    }

    assert put_in(request, BUILT, NOTED) == {
        "model": "openai/gpt-5",
        "temperature": 0.2,
        "user": "u",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}],
        "metadata": {"team": "a", **NOTED, "spend_logs_metadata": {"cost": "c", **NOTED}},
    }
    assert request["metadata"] == {"team": "a", "spend_logs_metadata": {"cost": "c"}}


def test_litellms_own_switches_hold() -> None:
    """By which a caller keeps its model, or its parameters."""
    request = {"model": "mine", "temperature": 1, "prompt_id": "p"}

    own_model = put_in({**request, "ignore_prompt_manager_model": True}, BUILT, NOTED)
    assert (own_model["model"], own_model["temperature"]) == ("mine", 0.2)
    own = put_in({**request, "ignore_prompt_manager_optional_params": True}, BUILT, NOTED)
    assert (own["model"], own["temperature"]) == ("openai/gpt-5", 1)


def test_the_note_has_what_spans_have() -> None:
    """And nothing that is empty."""
    assert note(Stamp("summarize", "1.2.0", "canary", "r-1"), "c") == {
        "promptstage.prompt": "summarize@1.2.0",
        "promptstage.arm": "canary",
        "promptstage.rollout": "r-1",
        "promptstage.call": "c",
    }
    assert "promptstage.rollout" not in note(Stamp("summarize", "1.2.0", "stable"), "c")
