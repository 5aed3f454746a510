"""What calls are judged by, what a model is asked, and what its reply is worth."""

from __future__ import annotations

from typing import Any

import pytest

from registry.review import rubrics

FILE = b"""\
messages: [{role: user, content: "{{text}}"}]
evaluators:
  - name: tone
    llm:
      modelId: openai/gpt-5.4
      systemPrompt: You judge tone.
      prompt: "Is {{completion}} kind to {{text}}?"
      choices: [{choice: kind, score: 1}, {choice: rude, score: 0.2}]
  - name: with expected
    llm: {prompt: "{{completion}} or {{expected}}?", choices: [{choice: same, score: 1}]}
  - {name: words, string: {contains: parcel}}
  - {name: built-in, uses: github/coherence}
defaultTest:
  assert:
    - {type: llm-rubric, value: "It answers {{text}}."}
    - {type: llm-rubric, value: "It is short.", threshold: 0.8}
    - {type: not-llm-rubric, value: "It is rude.", metric: polite}
    - {type: llm-rubric, value: "file://rubrics/refund.md", metric: refund}
    - {type: contains, value: x}
    - {type: nothing}
"""
CALL: dict[str, Any] = {
    "variables": {"text": "Where is it?"},
    "response": {"role": "assistant", "content": "On its way."},
}


def of_file(content: bytes = FILE, **beside: bytes) -> dict[str, rubrics.Rubric]:
    """The rubrics of a file, by name."""
    files = {name.replace("_", "/") + ".md": data for name, data in beside.items()}
    return {rubric.name: rubric for rubric in rubrics.of_file(content, files)}


def test_rubrics_of_a_file() -> None:
    """What a model decides, each with a name of its own; what is wrong is left out."""
    assert rubrics.wanted(FILE) == ("rubrics/refund.md",)
    assert list(of_file(rubrics_refund=b"It gives money back.")) == [
        "tone", "with expected", "built-in", "llm-rubric", "llm-rubric 2", "polite", "refund",
    ]  # fmt: skip
    assert "refund" not in of_file()
    assert list(rubrics.of_file(b"messages: []\n", {})) == []


def test_a_digest_is_of_what_is_judged() -> None:
    """Not of its name; another text, or choice, is another one. It survives the way over HTTP."""
    found = of_file(rubrics_refund=b"a")
    renamed = of_file(FILE.replace(b"name: tone", b"name: mood"))
    changed = of_file(FILE.replace(b"score: 0.2", b"score: 0.3"))

    assert renamed["mood"].digest == found["tone"].digest != changed["tone"].digest
    assert len({rubric.digest for rubric in found.values()}) == len(found)
    assert found["refund"].digest != of_file(rubrics_refund=b"b")["refund"].digest
    for rubric in found.values():
        assert rubrics.from_json(rubric.to_json()) == rubric


def test_what_a_model_is_asked() -> None:
    """With the call's variables and answer; a rubric that names what a call does not have judges none."""
    found = of_file()
    asked = rubrics.question(found["tone"], CALL)

    assert asked
    assert asked.model == "openai/gpt-5.4"
    assert asked.messages[-1]["content"] == "Is On its way. kind to Where is it??"
    assert rubrics.question(found["with expected"], CALL) is None
    assert rubrics.question(found["tone"], {"response": "x", "variables": {}}) is None
    rubric = rubrics.question(found["llm-rubric"], CALL)
    assert rubric
    assert "It answers Where is it?." in rubric.messages[-1]["content"]


@pytest.mark.parametrize(
    ("name", "reply", "score"),
    [
        ("tone", "I find it RUDE.", 0.2),
        ("tone", "kind", 1.0),
        ("tone", "neither", None),
        ("tone", "", None),
        ("built-in", "4", 0.75),
        ("llm-rubric", '{"pass": true, "score": 0.7}', 0.7),
        ("llm-rubric", '{"pass": true, "score": 0.1}', 0.5),
        ("llm-rubric", '{"pass": false, "score": 0.9}', 0.49),
        ("llm-rubric", "no JSON", None),
        ("llm-rubric 2", '{"pass": true, "score": 0.7}', 0.49),
        ("polite", '{"pass": true, "score": 1}', 0.0),
    ],
)
def test_what_a_reply_is_worth(name: str, reply: str, score: float | None) -> None:
    """Below 0.5 where the rubric does not hold; nonsense is no score."""
    assert rubrics.score(of_file()[name], reply) == score


def test_answers_of_apps() -> None:
    """A text, a message in OpenAI's shape, tool calls, or anything."""
    assert rubrics.answer(CALL).text == "On its way."
    assert rubrics.answer({"response": "plain"}).text == "plain"
    assert rubrics.answer({"response": {"content": None, "tool_calls": [{"x": 1}]}}).tool_calls == ({"x": 1},)
    assert rubrics.answer({"response": [1]}).text == "[1]"
