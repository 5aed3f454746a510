"""Prompts of MLflow's registry: answers of its REST API, and objects of its SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hosted_dumps import HISTORY, refusals, rendered, texts, versions

from registry.importers.mlflow import read


def entry(version: Any = "1", template: Any = "Hi {{ name }}", **tags: str) -> dict[str, Any]:
    """One of the `model_versions` that `GET /api/2.0/mlflow/model-versions/search` gives."""
    is_text = isinstance(template, str)
    every = {
        "mlflow.prompt.is_prompt": "true",
        "_mlflow_prompt_type": "text" if is_text else "chat",
        "mlflow.prompt.text": template if is_text else json.dumps(template),
        **tags,
    }
    return {
        "name": "Summ.arize",
        "version": version,
        "creation_timestamp": 1_796_068_438_236,
        "current_stage": "None",
        "description": f"change {version}",
        "source": "dummy-source",
        "status": "READY",
        "tags": [{"key": key, "value": value} for key, value in every.items()],
    }


def test_a_history_of_200_versions() -> None:
    """As pages of the API, newest first, with the aliases that the prompt has; models are passed over."""
    every = [entry(str(number), f"Version {number}: {{{{q}}}}") for number in range(HISTORY, 0, -1)]
    model = {"name": "churn", "version": "1", "tags": [{"key": "team", "value": "x"}]}
    prompt = {"name": "Summ.arize", "description": "Sum up", "aliases": [{"alias": "prod", "version": "7"}]}

    found = versions(
        read, {"model_versions": [model, *every], "next_page_token": "x"}, {"registered_models": [prompt]}
    )
    assert [each.number for each in found] == list(range(1, HISTORY + 1))
    assert [texts(each) for each in found] == [[f"Version {n}: {{{{q}}}}"] for n in range(1, HISTORY + 1)]
    assert [each.labels for each in found if each.labels] == [("prod",)]
    seventh = found[6]
    assert (seventh.name, seventh.message, seventh.labels) == ("summ-arize", "change 7", ("prod",))
    assert str(seventh.at) == "2026-11-30 19:53:58.236000+00:00"
    assert seventh.document["description"] == "Sum up"


CONFIG = {"provider": "openai", "model_name": "gpt-4o", "temperature": 0.1, "extra_params": {"seed": 7}}
SCHEMA = {"title": "A", "type": "object", "properties": {"a": {"type": "integer"}}}
CHAT = [{"role": "system", "content": "Be {{tone}}"}, {"role": "user", "content": "{{q}}"}]


def test_a_chat_with_its_model_and_its_schema() -> None:
    """From the tags of the API, or from an object of the SDK."""
    tags = {
        "_mlflow_prompt_model_config": json.dumps(CONFIG),
        "_mlflow_prompt_response_format": json.dumps(SCHEMA),
        "author": "ada",
    }
    sdk = {
        "name": "Summ.arize",
        "version": 1,
        "template": CHAT,
        "model_config": CONFIG,
        "response_format": SCHEMA,
        "tags": {"author": "ada"},
        "aliases": ["prod"],
        "creation_timestamp": 1_796_068_438_236,
        "commit_message": "change 1",
        "description": "change 1",
        "user_id": "ada@example.org",
        "variables": ["tone", "q"],
    }
    (api,), (own,) = versions(read, entry("1", CHAT, **tags)), versions(read, sdk)

    assert (
        api.document
        == own.document
        == {
            "name": "Summ.arize",
            "model": "openai/gpt-4o",
            "modelParameters": {"temperature": 0.1, "seed": 7},
            "responseFormat": "json_schema",
            "jsonSchema": SCHEMA,
            "messages": CHAT,
            "metadata": {"tags": {"author": "ada"}},
        }
    )
    assert (own.labels, own.author, own.email) == (("prod",), "ada@example.org", "ada@example.org")
    assert rendered(own, {"tone": "calm", "q": "Why?"})[0]["content"] == "Be calm"


def test_names_that_are_no_variables_of_mlflow_stay_text() -> None:
    """They would be variables here, so they are escaped, and named."""
    (found,) = versions(read, entry("1", "{{my-var}} {{ text }}"))

    assert rendered(found, {"text": "T", "my-var": "!"})[0]["content"] == "{{my-var}} T"
    assert found.left_out == ("{{my-var}} as a variable, as it is none for MLflow either",)


def test_texts_of_jinja2_are_read_as_jinja2() -> None:
    """MLflow tells them by their blocks."""
    (found,) = versions(read, entry("1", "{% raw %}{{ x }}{% endraw %} {{ x }}"))
    (refused,) = refusals(read, entry("1", "{% if x %}{{ x }}{% endif %}"))

    assert rendered(found, {"x": "X"})[0]["content"] == "{{ x }} X"
    assert "{% if x %} is logic of Jinja2" in refused.why


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (entry("1", [{"role": "user", "content": [{"type": "text", "text": "x"}]}]), "in texts alone"),
        (entry("1", [{"role": "user", "content": "x", "tool_calls": [{"id": "1"}]}]), "calls of tools"),
        (entry("1", [{"role": "oracle", "content": "x"}]), "the role 'oracle'"),
        (entry("1", []), "no messages"),
        (entry("1", ""), "is empty"),
        (entry("0"), "odd version"),
        (entry("v1"), "odd version"),
        (entry("1", _mlflow_prompt_model_config="{"), "_mlflow_prompt_model_config is no JSON"),
        (entry("1", **{"mlflow.prompt.text": "["}, _mlflow_prompt_type="chat"), "messages are no JSON"),
        (entry("1") | {"tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}, 7]}, "its template is"),
        (entry("1") | {"name": 7}, "has no name"),
        (entry("1") | {"name": "../x"}, "makes no prompt's name here"),
        ({"name": "x", "version": 1, "template": {"a": 1}}, "neither a text nor a list"),
    ],
)
def test_wrong_entries_are_named(wrong: Any, why: str) -> None:
    """Nothing of them is taken."""
    (refused,) = refusals(read, wrong)

    assert why in refused.why
