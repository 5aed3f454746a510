"""The types of checks: what they mean, what they take, and an example of each. Pure.

The names and meanings are promptfoo's; `string`, `llm` and `uses` are GitHub's evaluators, which stand in
`evaluators` of a prompt's file and nowhere else.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Takes = Literal[
    "anything", "text", "string", "texts", "pattern", "schema", "tools", "rubric", "nothing", "evaluator"
]
Bound = Literal["", "may", "must"]  # whether a check of a type has a threshold

NOT = "not-"  # before any type
WORDS: Mapping[Takes, str] = MappingProxyType({
    "anything": "a value",
    "text": "a text, or a number",
    "string": "a text",
    "texts": "a list of texts",
    "pattern": "a regular expression",
    "schema": "a JSON Schema, or no value",
    "tools": "a list of tools, or no value",
    "rubric": "a text, or file:// and the path of one",
    "nothing": "no value",
    "evaluator": "what GitHub's evaluators take",
})  # fmt: skip


class Kind(NamedTuple):
    """A type of checks.

    Attributes:
        takes: what its value is.
        bound: whether it has a threshold.
        meaning: when it passes, in words that follow "the answer".
        example: a value, and a threshold if it has one.
        slow: whether its time may grow without bound, so that it is judged in a process of its own.
    """

    takes: Takes
    bound: Bound
    meaning: str
    example: Mapping[str, Any]
    slow: bool = False


KINDS: Mapping[str, Kind] = MappingProxyType({
    "equals": Kind("anything", "", "is this text, or is this JSON value", {"value": "Paris"}),
    "contains": Kind("text", "", "has this text in it", {"value": "E-4012"}),
    "icontains": Kind("text", "", "has this text in it, in any case", {"value": "refund"}),
    "contains-all": Kind("texts", "", "has each of these texts in it", {"value": ["88213", "88214"]}),
    "contains-any": Kind("texts", "", "has one of these texts in it", {"value": ["Monday", "30 November"]}),
    "icontains-all": Kind(
        "texts", "", "has each of these texts in it, in any case", {"value": ["next step", "wants"]}
    ),
    "icontains-any": Kind(
        "texts", "", "has one of these texts in it, in any case", {"value": ["sign in", "log in"]}
    ),
    "starts-with": Kind("string", "", "begins with this text", {"value": "Next step:"}),
    "regex": Kind(
        "pattern", "", "has a match of this regular expression", {"value": r"\b\d{5}\b"}, slow=True
    ),
    "is-json": Kind(
        "schema", "", "is JSON, and valid by the schema", {"value": {"required": ["queue"]}}, slow=True
    ),
    "contains-json": Kind(
        "schema", "", "has JSON in it that is valid by the schema", {"value": {"type": "object"}}, slow=True
    ),
    "levenshtein": Kind(
        "string",
        "may",
        "is this text but for at most so many characters (5)",
        {"value": "allow", "threshold": 2},
        slow=True,
    ),
    "latency": Kind("nothing", "must", "took at most so many milliseconds", {"threshold": 4000}),
    "cost": Kind("nothing", "must", "cost at most so many US dollars", {"threshold": 0.002}),
    "is-valid-openai-tools-call": Kind(
        "tools",
        "",
        "calls tools that the prompt offers, with arguments that are valid by their schemas",
        {},
        slow=True,
    ),
    "llm-rubric": Kind(
        "rubric",
        "may",
        "fits this description, says a judge model; with a threshold, with at least this score",
        {"value": "Apologizes once, and promises no date.", "threshold": 0.7},
    ),
})  # fmt: skip

EVALUATORS: Mapping[str, Kind] = MappingProxyType({
    "string": Kind(
        "evaluator", "", "equals, contains, startsWith or endsWith", {"value": {"equals": "allow"}}
    ),
    "llm": Kind(
        "evaluator",
        "",
        "gets a choice with a score above 0 from a judge model",
        {"value": {"prompt": "Is this polite? {{completion}}", "choices": [{"choice": "yes", "score": 1}]}},
    ),
    "uses": Kind("evaluator", "", "gets more than one star", {"value": "github/similarity"}),
})  # fmt: skip

CODE = ("javascript", "python", "ruby", "webhook")  # would run code, or send the answer elsewhere
ELSEWHERE = (  # promptfoo's, and not judged here
    "agent-rubric", "answer-relevance", "assert-set", "bleu", "classifier", "contains-html", "contains-sql",
    "contains-xml", "context-faithfulness", "context-recall", "context-relevance", "conversation-relevance",
    "factuality", "finish-reason", "g-eval", "gleu", "guardrails", "human", "is-html", "is-refusal", "is-sql",
    "is-valid-function-call", "is-valid-openai-function-call", "is-xml", "max-score", "meteor",
    "model-graded-closedqa", "model-graded-factuality", "moderation", "perplexity", "perplexity-score", "pi",
    "rouge-n", "search-rubric", "select-best", "similar", "skill-used", "tool-call-f1", "word-count",
)  # fmt: skip
