"""Where our verdicts are not promptfoo's, and why: the one list, which the page on suites shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

Pair = dict[str, Any]  # of tests/vectors/promptfoo_verdicts.json


class Difference(NamedTuple):
    """What promptfoo does, what we do, with the reason, and which of the recorded pairs show it."""

    theirs: str
    ours: str
    shows: Callable[[Pair], bool]


def _type(pair: Pair) -> str:
    return str(pair["assertion"]["type"]).removeprefix("not-")


def _value(pair: Pair) -> Any:
    return pair["assertion"].get("value")


DIFFERENCES = (
    Difference(
        "`not-is-valid-openai-tools-call` is the same as without `not-`",
        "`not-` negates it, as it does any other",
        lambda pair: pair["assertion"]["type"] == "not-is-valid-openai-tools-call",
    ),
    Difference(
        "a character beyond U+FFFF counts as two, in `regex` and `levenshtein`",
        "it is one, as people count",
        lambda pair: (
            ("👩" in str(_value(pair)) and _type(pair) == "levenshtein")
            or (_value(pair), pair["output"]) == ("^.{1,3}$", "👩👩")
        ),
    ),
    Difference(
        "a list or an object in a text is `1,2` or `[object Object]`",
        "it is JSON",
        lambda pair: _value(pair) in ("{{l}}", "{{o}}"),
    ),
    Difference(
        "a name that the case does not have is an empty text",
        "`check` says so, and the check is not judged: a typing error would let everything pass",
        lambda pair: _value(pair) == "{{missing}}x",
    ),
    Difference(
        "values are Nunjucks, with filters and `{% if %}`",
        "`{{name}}` and `{{name.key}}` are all, and `check` refuses more",
        lambda pair: _value(pair) in ("{{name | upper}}", "{% if t %}yes{% endif %}"),
    ),
    Difference(
        "a judge's reply without `pass` is a pass, whatever its score",
        "without a `threshold` the check is not judged: a judge that answers nonsense must pass nothing",
        lambda pair: '"pass"' not in pair.get("reply", '"pass"') and _is_nonsense(pair),
    ),
    Difference(
        "a judge's score of null is 0, and one above 1 counts as it is",
        "null is no score, so it follows from `pass`; a score is 0 to 1",
        lambda pair: '"score": null' in pair.get("reply", "") or _is_above(pair),
    ),
    Difference(
        "a schema with a keyword that JSON Schema does not know stops the test, and the draft is 7",
        "`check` warns of what looks like a typing error, and the draft is 2020-12",
        lambda pair: isinstance(_value(pair), dict) and "requird" in _value(pair),
    ),
)


def _is_nonsense(pair: Pair) -> bool:
    """Tell whether a reply lacks what promptfoo makes up; what is no JSON at all is an error for both."""
    is_scored = '"score"' in pair["reply"]
    return "{" in pair["reply"] and "pass:" not in pair["reply"] and not (is_scored and _threshold(pair))


def _is_above(pair: Pair) -> bool:
    return '"score": 5' in pair.get("reply", "") and not pair["assertion"]["type"].startswith("not-")


def _threshold(pair: Pair) -> float | None:
    threshold: float | None = pair["assertion"].get("threshold")
    return threshold
