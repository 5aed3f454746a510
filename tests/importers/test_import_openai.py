"""What was stored at OpenAI: prompts with their versions, and evals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.importers import openai
from registry.importers.fit import fit
from registry.importers.imported import Imported, Refused

STORED: dict[str, Any] = {
    "id": "pmpt_68a",
    "version": "2",
    "created_at": 1_750_000_000,
    "model": "gpt-5.4-mini",
    "instructions": "Be {{tone}}.",
    "input": [
        {"role": "developer", "content": [{"type": "input_text", "text": "Sort it."}]},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "{{message}}"},
                {"type": "input_image", "image_url": "{{photo}}", "detail": "low"},
            ],
        },
    ],
    "text": {
        "format": {"type": "json_schema", "name": "q", "schema": {"type": "object"}},
        "verbosity": "low",
    },
    "reasoning": {"effort": "low"},
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
    "max_output_tokens": 100,
    "temperature": 1,
    "store": True,
    "truncation": "auto",
}
CHECK = {"type": "string_check"}
OUTPUT = "{{sample.output_text}}"
EVAL = {
    "object": "eval",
    "id": "eval_1",
    "name": "Sort mail",
    "testing_criteria": [
        {
            "type": "string_check",
            "name": "same",
            "input": OUTPUT,
            "operation": "eq",
            "reference": "{{item.queue}}",
        },
        {**CHECK, "input": f" {OUTPUT} ", "operation": "ilike", "reference": "b"},
        {**CHECK, "name": "other", "input": "{{item.x}}", "operation": "eq", "reference": "b"},
        {
            "type": "text_similarity",
            "name": "near",
            "evaluation_metric": "bleu",
            "input": "",
            "reference": "y",
        },
        {"type": "python", "name": "code", "source": "import os"},
    ],
}


def run(number: int, text: str, **about: Any) -> dict[str, Any]:
    """A run of the eval."""
    source = {
        "type": "completions",
        "model": "gpt-5.4-mini",
        "sampling_params": {"temperature": 0.2, "max_completion_tokens": 9},
        "input_messages": {"type": "template", "template": [{"role": "user", "content": text}]},
        "source": {"type": "file_content", "content": [{"item": {"mail": "Hi", "queue": "billing"}}] * 2},
    }
    identity = {"object": "eval.run", "id": f"run_{number}", "eval_id": "eval_1", "created_at": number}
    return identity | {"data_source": source | about}


def read(*values: Any) -> tuple[list[Imported], list[Refused]]:
    """What is imported of objects in a dump, and what is refused."""
    found = list(openai.read({"dump.json": json.dumps(values).encode()}))
    taken = [fit(each, f"prompts/{each.name}.prompt.yml")[0] for each in found if isinstance(each, Imported)]
    return taken, [each for each in found if isinstance(each, Refused)]


def test_a_stored_prompt() -> None:
    """A request of the Responses API, in the shapes of chat completions."""
    ((found,), _) = read(STORED)

    assert (found.name, found.number, found.at) == ("pmpt_68a", 2, datetime.fromtimestamp(1_750_000_000, UTC))
    assert found.document["messages"] == [
        {"role": "system", "content": "Be {{tone}}."},
        {"role": "developer", "content": "Sort it."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "{{message}}"},
                {"type": "image_url", "image_url": {"url": "{{photo}}", "detail": "low"}},
            ],
        },
    ]
    assert found.document["model"] == "openai/gpt-5.4-mini"
    assert found.document["modelParameters"] == {
        "maxTokens": 100,
        "temperature": 1,
        "verbosity": "low",
        "reasoningEffort": "low",
    }
    assert found.document["jsonSchema"] == {"name": "q", "schema": {"type": "object"}}
    assert found.document["tools"][0]["function"] == {
        "name": "f",
        "parameters": {"type": "object"},
        "strict": True,
    }
    assert found.left_out == ("the key truncation",)


def test_a_history_of_200_versions() -> None:
    """In the order of their numbers, whatever that of the dump."""
    versions = [
        {**STORED, "version": n, "instructions": f"Text {n}", "is_default": n == 7} for n in range(200, 0, -1)
    ]
    found, refused = read(*versions)

    assert refused == []
    assert [each.number for each in found] == list(range(1, 201))
    assert [each.document["messages"][0]["content"] for each in found] == [f"Text {n}" for n in range(1, 201)]
    assert [each.number for each in found if each.labels] == [7]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"object": "response"}, "the variables are put in"),
        ({"ideal": "x"}, "a sample of OpenAI's open-source evals"),
        ({"id": None}, "no id and no name"),
        ({"version": None}, "no version"),
        ({"version": "v2"}, "no version"),
        ({"input": [], "instructions": ""}, "no instructions, input or messages"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "is no message"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
            "a part 'input_file'",
        ),
        ({"input": [{"role": "judge", "content": "x"}]}, "the role 'judge'"),
        ({"instructions": "{{#if a}}x{{/if}}"}, "read differently by each client"),
        ({"id": "../../x"}, "makes no prompt's name here"),
    ],
)
def test_what_cannot_be_carried_over_is_named(changed: dict[str, Any], said: str) -> None:
    """Nothing is guessed."""
    taken, refused = read({**STORED, **changed})

    assert taken == []
    assert said in refused[0].why


def test_an_eval_is_a_prompt_with_its_cases() -> None:
    """Messages of the run, rows once, graders that judge exactly alike; the others are named."""
    ((found,), _) = read(EVAL, run(1, "Sort {{item.mail}}"))

    assert (found.name, found.number) == ("sort-mail", "run_1")
    assert found.document["messages"] == [{"role": "user", "content": "Sort {{mail}}"}]
    assert found.document["modelParameters"] == {"temperature": 0.2, "maxCompletionTokens": 9}
    assert found.document["defaultTest"]["assert"] == [
        {"type": "equals", "value": "{{queue}}", "metric": "same"},
        {"type": "icontains", "value": "b"},
    ]
    assert found.cases == ({"id": "item-1", "vars": {"mail": "Hi", "queue": "billing"}},)
    assert [each.partition(",")[0] for each in found.left_out] == [
        "the grader other",
        "the grader near",
        "the grader code",
    ]


def test_runs_that_differ_are_versions() -> None:
    """By their times; one that asks the same again is none."""
    runs = [run(3, "C {{item.mail}}"), run(1, "A {{item.mail}}"), run(2, "A {{item.mail}}")]
    found, _ = read(EVAL, *runs)

    assert [each.number for each in found] == ["run_1", "run_3"]


def test_rows_of_other_files() -> None:
    """Of the output of a run, or as lines of their own; what names a file of OpenAI's has none."""
    away = run(1, "Sort {{item.mail}}", source={"type": "file_id", "id": "file-1"})
    item = {"object": "eval.run.output_item", "run_id": "run_1", "datasource_item": {"mail": "of the run"}}

    assert "the rows, which are in a file of OpenAI's" in read(EVAL, away)[0][0].left_out[-1]
    assert read(EVAL, away, {"item": {"mail": "a line"}})[0][0].cases[0]["vars"] == {"mail": "a line"}
    assert read(EVAL, away, item)[0][0].cases[0]["vars"] == {"mail": "of the run"}


def test_conversations_of_rows_have_a_place() -> None:
    """Where each row has messages of its own."""
    rows = [{"item": {"talk": [{"role": "user", "content": "Hi"}]}}]
    messages = {"type": "item_reference", "item_reference": "item.talk"}
    ((found,), _) = read(EVAL, run(1, "", input_messages=messages, source={"content": rows}) | {})

    assert found.document["messages"] == [{"placeholder": "talk"}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((EVAL,), "it has no run"),
        ((run(1, "x"),), "runs or rows without their eval"),
        ((EVAL, run(1, "{{sample.output_text}}")), "only a grader knows"),
        ((EVAL, run(1, "x", input_messages=None)), "asks no model"),
    ],
)
def test_evals_that_make_no_prompt_are_named(values: tuple[Any, ...], said: str) -> None:
    """With what is missing."""
    taken, refused = read(*values)

    assert taken == []
    assert said in refused[0].why
