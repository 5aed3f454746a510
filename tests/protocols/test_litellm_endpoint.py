"""LiteLLM's generic prompt management: what its clients get, and what they are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptstage.model import Decision as Decided
from promptstage.model import Document, Message, Served, Variable
from registry.errors import Invalid
from registry.protocols import litellm
from registry.protocols.resolving import Resolved

if TYPE_CHECKING:
    from support import Answer, Api


def ask(api: Api, **query: str) -> Answer:
    """Ask as LiteLLM does."""
    fields = "&".join(f"{name}={value}" for name, value in query.items())
    return api.get(f"{litellm.PATH}?{fields}")


def written(text: str, *variables: str, **given: Any) -> dict[str, Any]:
    """Write a prompt of one message."""
    nothing: dict[str, Any] = {}
    document = Document(
        title="",
        description="",
        model=given.get("model", ""),
        parameters=given.get("parameters", nothing),
        response_format="json_object" if given.get("json") else "text",
        json_schema=None,
        variables=tuple(Variable(name, True, None, "") for name in variables),
        messages=(Message("user", text),),
        metadata=nothing,
        extra=nothing,
    )
    served = Served("1.2.0", 1_002_000, "sha256:0", "0" * 40, document)
    return litellm._write(Resolved("p", served, Decided("1.2.0", "stable", "STATIC", None, None), {}))


def test_a_prompt_is_served_in_single_braces(api: Api, environment: str) -> None:
    """With its identity, which LiteLLM ignores."""
    api.act("promote", "support/triage", {"version": "1.0.0"}, environment)
    found = ask(api, prompt_id="support%2Ftriage", environment=environment)

    assert found.status == 200, found.text
    assert found.json["prompt_id"] == "support/triage"
    assert found.json["prompt_template"] == [{"role": "user", "content": "support/triage 1.0.0: {text}"}]
    assert (found.json["version"], found.json["arm"]) == ("1.0.0", "stable")


@pytest.mark.parametrize("version", ["1.1.0", "1001000"])
def test_configuration_chooses_the_version(api: Api, environment: str, version: str) -> None:
    """By its name, or by its integer; a label is an environment."""
    api.act("promote", "summarize", {"version": "1.2.0"}, environment)

    assert ask(api, prompt_id="summarize", label=environment).json["version"] == "1.2.0"
    assert ask(api, prompt_id="summarize", label=environment, version=version).json["version"] == "1.1.0"


def test_without_a_key_a_token_stays_on_its_arm(api: Api, environment: str) -> None:
    """LiteLLM fetches once and keeps it: a random arm would be a random one for each process."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": [{"percent": 50}]}, environment)

    def arm(**key: str) -> str:
        found: str = ask(api, prompt_id="summarize", environment=environment, **key).json["arm"]
        return found

    assert len({arm() for _ in range(20)}) == 1
    assert {arm(key=f"u{i}") for i in range(40)} == {"canary", "control"}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"prompt_id": "nobody"}, 404, "unknown_prompt"),
        ({"prompt_id": "..%2F..%2Fetc"}, 404, "unknown_prompt"),
        ({"prompt_id": "summarize", "environment": "nowhere"}, 404, "unknown_environment"),
        ({"prompt_id": "summarize", "version": "9.9.9"}, 404, "unknown_version"),
        ({"prompt_id": "summarize", "version": "newest"}, 422, "invalid"),
        ({"prompt_id": "summarize", "version": "9999999999"}, 422, "invalid"),
        ({"prompt_id": "summarize", "label": "staging", "environment": "production"}, 422, "invalid"),
        ({"prompt_id": "summarize", "bucket": "7"}, 422, "invalid_request"),
    ],
)
def test_wrong_fields_are_told(api: Api, query: dict[str, str], status: int, code: str) -> None:
    """A field that is not known would be a rule that does not hold."""
    found = ask(api, **query)

    assert (found.status, found.json["code"]) == (status, code)
    assert found.json["detail"]


def test_what_clients_cannot_render_is_refused(api: Api, environment: str) -> None:
    """Sections, and places of messages: an error, never a wrong text."""
    api.act("promote", "rich", {"version": "1.0.0"}, environment)
    found = ask(api, prompt_id="rich", environment=environment)

    assert (found.status, found.json["code"]) == (422, "not_portable")


def test_braces_that_a_client_would_replace_are_refused() -> None:
    """`{name}` is its placeholder; JSON, and names that the prompt does not take, stand for themselves."""
    text = 'Hi {{name}}, answer {"name": {"id": 1}} or {other}'
    assert written(text, "name")["prompt_template"][0]["content"] == text.replace("{{name}}", "{name}")

    for mistaken in ("Hi {{name}}, write {name}", "Hi {{name}}, write \\{{name}}"):
        with pytest.raises(Invalid) as refused:
            written(mistaken, "name")
        assert refused.value.code == "not_portable"


def test_the_models_parameters_go_along_and_metadata_never() -> None:
    """The proxy would put it over the request's own, and lose whose money is spent."""
    parameters = {"temperature": 0.2, "maxTokens": 300, "metadata": {"a": "b"}}
    found = written("x", model="openai/gpt-5.4-mini", parameters=parameters, json=True)

    assert found["prompt_template_model"] == "openai/gpt-5.4-mini"
    assert found["prompt_template_optional_params"] == {
        "temperature": 0.2,
        "max_completion_tokens": 300,
        "response_format": {"type": "json_object"},
    }
    assert written("x")["prompt_template_model"] is None
