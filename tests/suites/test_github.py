"""GitHub's evaluators, by its written rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.suites import evaluators
from registry.suites.cases import read_suite
from registry.suites.checks.check import Answer, Question, Verdict
from registry.suites.checks.github import BUILT_IN
from registry.suites.checks.judge import judge

if TYPE_CHECKING:
    from registry.suites.checks.check import Rubric
    from registry.suites.problems import Fault


def verdict(evaluator: dict[str, Any], text: str, reply: str = "", **row: Any) -> Verdict:
    """The verdict of an evaluator on an answer to a row."""
    faults: list[Fault] = []
    checks = evaluators.read([{"name": "one", **evaluator}], faults)
    assert faults == []
    return judge(checks[0], Answer(text), vars=row, rubric=lambda _: reply)


def asking(asked: list[Question], reply: str) -> Rubric:
    """A judge model that notes what it is asked."""

    def rubric(question: Question) -> str:
        asked.append(question)
        return reply

    return rubric


@pytest.mark.parametrize(
    ("string", "text", "passed"),
    [
        ({"equals": "Allow"}, "Allow", True),
        ({"equals": "Allow"}, "allow", False),
        ({"equals": "Allow"}, "  Allow\n", True),
        ({"equals": " Allow"}, " Allow", False),
        ({"contains": "ALLOW"}, "we allow it", True),
        ({"contains": "deny"}, "we allow it", False),
        ({"startsWith": "ALL"}, "allow", True),
        ({"startsWith": "low"}, "allow", False),
        ({"endsWith": "LOW"}, "allow\n", True),
        ({"endsWith": "all"}, "allow", False),
        ({"equals": "", "contains": "low"}, "allow", True),
        ({"contains": "x", "equals": "allow"}, "allow", True),
        ({"endsWith": "x", "startsWith": "all"}, "allow", True),
        ({"equals": "{{expected}}"}, "yes", True),
        ({"equals": "{{ expected }}"}, "yes", False),
        ({"equals": "{{ expected }}"}, "{{ expected }}", True),
        ({"equals": "{{unknown}}"}, "{{unknown}}", True),
        ({"equals": "{{n}} {{f}} {{t}} {{none}}"}, "5 0.5 true <nil>", True),
        ({"equals": "{{l}} {{o}}"}, "[1 two] map[a:1 b:x]", True),
        ({"equals": "{{odd name}}"}, "ok", True),
    ],
)
def test_string(string: dict[str, str], text: str, passed: bool) -> None:
    """`equals` minds the case, the others do not; the first that has a text counts; values are Go's."""
    row: dict[str, Any] = {
        "expected": "yes",
        "n": 5,
        "f": 0.5,
        "t": True,
        "none": None,
        "l": [1, "two"],
        "o": {"b": "x", "a": 1},
    }
    found = verdict({"string": string}, text, **row, **{"odd name": "ok"})

    assert (found.passed, found.score, found.broken) == (passed, float(passed), False)


CHOICES = [
    {"choice": "Bad", "score": 0},
    {"choice": "Good", "score": 0.5},
    {"choice": "Not good", "score": 1},
]


@pytest.mark.parametrize(
    ("reply", "passed", "score"),
    [
        ("good", True, 0.5),
        ("GOOD, not bad", False, 0),
        ("not good", True, 0.5),
        ("  Bad\n", False, 0),
        ("no idea", False, 0),
        ("", False, 0),
    ],
)
def test_llm(reply: str, passed: bool, score: float) -> None:
    """The first choice that the reply holds, in any case, wins; none is a failure."""
    llm = {"prompt": "{{input}}: {{completion}}", "choices": CHOICES}

    found = verdict({"llm": llm}, "Hi", reply, input="Greet")

    assert (found.passed, found.score, found.broken) == (passed, score, False)


def test_what_a_judge_is_asked() -> None:
    """The prompt with the row and the answer, after the system prompt, of the model that is named."""
    asked: list[Question] = []
    llm = {
        "modelId": "openai/gpt-5",
        "systemPrompt": "Judge {{input}}.",
        "prompt": "{{input}}: {{completion}}",
    }
    (check,) = evaluators.read([{"name": "one", "llm": llm | {"choices": CHOICES}}], [])

    judge(check, Answer(" Hi\n"), vars={"input": "Greet"}, rubric=asking(asked, "good"))

    (question,) = asked
    assert question.model == "openai/gpt-5"
    assert question.messages == (
        {"role": "system", "content": "Judge {{input}}."},
        {"role": "user", "content": "Greet: Hi"},
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_ones_give_stars(name: str) -> None:
    """One star fails; no template is left over."""
    row = {"input": "Greet", "expected": "Hello"}
    asked: list[Question] = []
    (check,) = evaluators.read([{"name": "stars", "uses": name}], [])
    scores = []
    for stars in "12345":
        found = judge(check, Answer("Hi"), vars=row, rubric=asking(asked, stars))
        scores.append((found.passed, found.score))

    assert scores == [(False, 0), (True, 0.25), (True, 0.5), (True, 0.75), (True, 1)]
    assert "{{" not in str(asked[0].messages)
    assert "Hi" in asked[0].messages[-1]["content"]


def test_an_unknown_one_never_passes() -> None:
    """And the check says so before."""
    prompt = b"messages: [{role: user, content: hi}]\nevaluators: [{name: a, uses: github/magic}]\n"

    (problem,) = read_suite("p.prompt.yml", prompt, {}).problems

    assert (problem.code, problem.place.line, problem.place.column) == ("evaluator", 2, 24)


def test_string_comes_before_llm_and_that_before_uses() -> None:
    """An evaluator that has several is the first of these."""
    llm = {"prompt": "x", "choices": CHOICES}
    both = {"llm": llm, "string": {"equals": "a"}, "uses": "github/fluency"}

    assert verdict(both, "a").passed
    assert evaluators.read([{"llm": llm, "uses": "github/fluency"}], [])[0].type == "llm"
