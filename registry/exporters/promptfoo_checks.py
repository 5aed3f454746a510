"""Write checks as assertions of promptfoo. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.suites.checks import github, values

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.suites.cases import Case
    from registry.suites.checks.check import Check

_LETTER = re.compile(r"[^\W\d_]")


def assertion(check: Check, case: Case, left_out: list[str]) -> Json | None:
    """Return a check as an assertion; None, and a sentence, if promptfoo has none that judges alike."""
    if check.type == "string":
        return _named(_string(check, case), check)
    if check.type in {"llm", "uses"}:
        what = check.name or str(check.value)
        sentence = f"the evaluator {what}, as promptfoo has no judge of that kind"
        left_out += [sentence] * (sentence not in left_out)
        return None
    found: Json = {"type": f"not-{check.type}" if check.negated else check.type}
    if check.value is not None and check.type != "is-valid-openai-tools-call":
        found["value"] = check.value
    if check.threshold is not None:
        found["threshold"] = check.threshold
    if check.weight != 1:
        found["weight"] = check.weight
    return _named(found, check)


def _named(found: Json, check: Check) -> Json:
    return found | ({"metric": check.name} if check.name else {})


def _string(check: Check, case: Case) -> Json:
    """Return one of GitHub's `string` evaluators, which judges the answer without the space around it."""
    key = next(name for name in github.STRINGS if check.value.get(name))
    wanted = values.fill_github(check.value[key], case.values)
    if key == "contains":
        return {"type": "icontains", "value": wanted}
    pattern = re.escape(wanted) if key == "equals" else _in_any_case(wanted)
    begin = "" if key == "endsWith" else r"^\s*"
    end = "" if key == "startsWith" else r"\s*$"
    return {"type": "regex", "value": f"{begin}{pattern}{end}"}


def _in_any_case(text: str) -> str:
    """Return a pattern of a text in any case: JavaScript has no flag for it within a pattern."""
    return "".join(
        f"[{each.lower()}{each.upper()}]" if _LETTER.fullmatch(each) else re.escape(each) for each in text
    )
