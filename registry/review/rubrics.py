"""What a judge model judges calls by: the checks of a version's file that a model decides. Pure.

These are `evaluators` of the kinds `llm` and `uses`, and `llm-rubric` in the `assert` of `defaultTest`. One
that names what a call of production does not have, such as `expected`, does not judge it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry.review import rules
from registry.suites import assertions, evaluators
from registry.suites.checks import rubrics, values
from registry.suites.checks.check import Answer, Check
from registry.suites.suite_source import SuiteSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from promptstage.model import Json
    from registry.catalog.parsing.partials import Files
    from registry.suites.checks.check import Question

MAX_NAME = 50  # characters: with `rules.AGAIN` it is still the name of a score
PASSES, FAILS = 0.5, 0.49  # the least of a rubric that holds, and the most of one that does not


@dataclass(frozen=True, slots=True)
class Rubric:
    """One thing that answers are judged by.

    Attributes:
        name: of its scores, unique in a file.
        check: as the file has it.
        model: that has to judge; None: the one that the check names, or the judge's own.
    """

    name: str
    check: Check
    model: str | None = None

    @property
    def digest(self) -> str:
        """What it is known by: `sha256:` and the digest of its check, without the name."""
        told = {key: value for key, value in self._check().items() if key != "name"}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return f"sha256:{sha256(text.encode()).hexdigest()}"

    def to_json(self) -> Json:
        """Return the API's form."""
        return {"name": self.name, "digest": self.digest, "model": self.model, "check": self._check()}

    def _check(self) -> Json:
        check = self.check
        return {
            "type": check.type,
            "value": check.value,
            "threshold": check.threshold,
            "negated": check.negated,
            "name": check.name,
        }


def from_json(data: Mapping[str, Any]) -> Rubric:
    """Read what `to_json` wrote."""
    return Rubric(data["name"], Check(**data["check"]), data["model"])


def wanted(content: bytes) -> tuple[str, ...]:
    """Return the paths, from the prompts folder, of files that rubrics are in."""
    return tuple(dict.fromkeys(assertions.rubric_files(_asserts(_suite(content)))))


def of_file(content: bytes, beside: Files) -> tuple[Rubric, ...]:
    """Return what a version is judged by; what is wrong in its file is left out.

    Args:
        content: of the version.
        beside: the files that `wanted` names, by path.
    """
    suite = _suite(content)
    node = suite.source.top.get("evaluators")
    asserted = assertions.read(_asserts(suite), (), [])
    checks = [*evaluators.read(node.plain() if node else [], []), *asserted]
    judged = (check for check in checks if check.type in rubrics.TYPES)
    read = (assertions.rubric_of(check, beside) for check in judged)
    return tuple(_named(check for check in read if isinstance(check, Check)))


def variables(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call was made with, for the values of rubrics."""
    return {**(content.get("variables") or {}), **(content.get("placeholders") or {})}


def answer(content: Mapping[str, Any]) -> Answer:
    """Return what a call answered: a text, or a message in OpenAI's shape."""
    response = content.get("response")
    if not isinstance(response, dict):
        return Answer(response if isinstance(response, str) else json.dumps(response, ensure_ascii=False))
    text, tools = response.get("content"), response.get("tool_calls")
    return Answer(text if isinstance(text, str) else "", tuple(tools) if isinstance(tools, list) else ())


def question(rubric: Rubric, content: Mapping[str, Any]) -> Question | None:
    """Return what a model is asked about a call; None if the rubric does not judge it."""
    given = variables(content)
    named = values.names(rubric.check.value if rubric.check.type == "llm-rubric" else _prompt(rubric))
    if any(name != "completion" and not values.is_known(name, given) for name in named):
        return None
    return rubrics.question(rubric.check, answer(content), given)


def score(rubric: Rubric, reply: str) -> float | None:
    """Return what a reply says, 0 to 1, below 0.5 if the answer is bad; None if it is no score.

    The score of an evaluator is its choice's: of five stars two are bad. An `llm-rubric` that does not hold
    is bad whatever its score, and one that holds is not.
    """
    evaluator = rubrics.evaluator_of(rubric.check)
    if evaluator is not None:
        choice = rubrics.chosen(evaluator, reply)
        return None if choice is None else min(1.0, max(0.0, float(choice["score"])))
    verdict = rubrics.read_reply(rubric.check, reply)
    if verdict.broken:
        return None
    return max(verdict.score, PASSES) if verdict.passed else min(verdict.score, FAILS)


def again(name: str) -> str:
    """Return the name of a second score."""
    return name + rules.AGAIN


def _prompt(rubric: Rubric) -> str:
    evaluator = rubrics.evaluator_of(rubric.check)
    return str(evaluator["prompt"]) if evaluator else ""


def _named(checks: Iterable[Check]) -> Iterator[Rubric]:
    """Give each rubric a name of its own."""
    taken: set[str] = set()
    for check in checks:
        plain = (check.name or (check.value if check.type == "uses" else check.type))[:MAX_NAME]
        numbered = (f"{plain} {number}" for number in range(2, len(taken) + 3))
        name = plain if plain not in taken else next(found for found in numbered if found not in taken)
        taken.add(name)
        yield Rubric(name, check)


def _suite(content: bytes) -> SuiteSource:
    """Return the prompt's file of a version as a suite without cases: neither its path nor those count."""
    return SuiteSource("", content, {})


def _asserts(suite: SuiteSource) -> Any:
    return suite.default_test.get("assert", [])
