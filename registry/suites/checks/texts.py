"""Checks that compare texts. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.suites.checks import json_values, levenshtein
from registry.suites.checks.values import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

Said = tuple[bool, str]  # whether a condition holds, and what it is, in words that follow "the answer"
SHOWN = 200  # characters of a text in a reason
DISTANCE = 5  # the greatest of `levenshtein`, if a check has no threshold
_FIELD = re.compile(r'\s*,*\s*(?:"((?:[^"\\]|\\.|"")*)"\s*|([^,]*))(?:,|$)', re.DOTALL)


def equals(output: str, value: Any, _: float | None) -> Said:
    """Compare with a text, or with a JSON value."""
    if value is None or isinstance(value, dict | list):
        parsed = json_values.parse(output)
        return parsed is not json_values.NONE and json_values.same(
            parsed, value
        ), f"is the JSON {quoted(value)}"
    return output == as_text(value), f"is {quoted(value)}"


def contains(output: str, value: Any, _: float | None) -> Said:
    """Look for a text."""
    return as_text(value) in output, f"has {quoted(value)} in it"


def icontains(output: str, value: Any, _: float | None) -> Said:
    """Look for a text in any case."""
    return as_text(value).lower() in output.lower(), f"has {quoted(value)} in it, in any case"


def contains_all(output: str, value: Any, _: float | None) -> Said:
    """Look for each of several texts."""
    wanted = listed(value)
    missing = [text for text in wanted if text not in output]
    return not missing, f"has each of {quoted(wanted)} in it" + (
        f" (not {quoted(missing)})" if missing else ""
    )


def contains_any(output: str, value: Any, _: float | None) -> Said:
    """Look for one of several texts."""
    wanted = listed(value)
    return any(text in output for text in wanted), f"has one of {quoted(wanted)} in it"


def icontains_all(output: str, value: Any, _: float | None) -> Said:
    """Look for each of several texts in any case."""
    held, words = contains_all(output.lower(), [text.lower() for text in listed(value)], None)
    return held, f"{words}, in any case"


def icontains_any(output: str, value: Any, _: float | None) -> Said:
    """Look for one of several texts in any case."""
    held, words = contains_any(output.lower(), [text.lower() for text in listed(value)], None)
    return held, f"{words}, in any case"


def starts_with(output: str, value: Any, _: float | None) -> Said:
    """Compare the beginning."""
    return output.startswith(as_text(value)), f"begins with {quoted(value)}"


def near(output: str, value: Any, threshold: float | None) -> Said:
    """Compare by the number of characters to change."""
    bound = DISTANCE if threshold is None else threshold
    distance = levenshtein.distance(output, as_text(value))
    return distance <= bound, f"is at most {bound:g} characters from {quoted(value)} (it is {distance})"


def listed(value: Any) -> list[str]:
    """Return texts; those of one text are between commas, in quotes if they have some themselves."""
    if not isinstance(value, str):
        return [as_text(one) for one in value]
    found, at = [], 0
    while at < len(value) and (field := _FIELD.match(value, at)):
        at = field.end()
        if field[1] is not None:
            found.append(re.sub(r'\\(["\\])|"(")', lambda mark: mark[1] or mark[2], field[1]))
        elif field[2].strip():
            found.append(field[2].strip())
    return found


def quoted(value: Any) -> str:
    """Show a value in a reason, shortened."""
    shown = json_values.dumps(value)
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…"


CHECKS: dict[str, Callable[[str, Any, float | None], Said]] = {
    "equals": equals,
    "contains": contains,
    "icontains": icontains,
    "contains-all": contains_all,
    "contains-any": contains_any,
    "icontains-all": icontains_all,
    "icontains-any": icontains_any,
    "starts-with": starts_with,
    "levenshtein": near,
}
