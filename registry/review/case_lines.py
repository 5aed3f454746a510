"""Make cases of labels: a line of a file of cases for each. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing import secret_scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIGITS = 12  # of a call's id, its last and random ones, in the id of a case
NO_CONTENT = "the content of its call is not kept any more"
NO_VARIABLES = (
    "its app reported no variables for this call: render with call.messages(...) or call.openai(...)"
)


class NoCase(ValueError):
    """A label that cannot become a case; the message says why."""


@dataclass(slots=True)
class Known:
    """The cases that a file has, or ever had: their ids, and by call those that were made of calls."""

    ids: set[str] = field(default_factory=set)
    by_call: dict[str, str] = field(default_factory=dict)


def known(lines: Iterable[str]) -> Known:
    """Read lines of a file of cases, of any time; those that are no cases say nothing."""
    found = Known()
    for line in lines:
        case = _parsed(line)
        identifier, source = case.get("id"), case.get("source")
        if isinstance(identifier, str):
            found.ids.add(identifier)
            if isinstance(source, dict) and isinstance(call := source.get("call"), str):
                found.by_call[call] = identifier
    return found


def case_id(prompt: str, call: str, taken: set[str]) -> str:
    """Return the id of a call's case: the same whoever makes it, and none that was ever taken."""
    digits, last = call.replace("-", ""), prompt.rpartition("/")[2]
    lengths = range(DIGITS, len(digits) + 1)
    ids = (f"{last}-{digits[-length:]}" for length in lengths)
    return next(found for found in ids if found not in taken)


def line(label: Mapping[str, Any], identifier: str) -> str:
    """Return the line of a label's case, without its end.

    Args:
        label: as the API has it, with content.
        identifier: the case's id.

    Raises:
        NoCase: its call has no variables, or there is a secret in it.
    """
    content = label["content"]
    if content is None:
        raise NoCase(NO_CONTENT)
    if not isinstance(content.get("variables"), dict):
        raise NoCase(NO_VARIABLES)
    case: dict[str, Any] = {"id": identifier}
    if label["note"]:
        case["description"] = label["note"]
    case["vars"] = {**content["variables"], **(content.get("placeholders") or {})}
    if label["expected"] is not None:
        case["expected"] = label["expected"]
    if label["tags"]:
        case["tags"] = label["tags"]
    case["source"] = {
        "call": label["call"],
        "label": label["verdict"],
        "by": label["by"],
        "at": label["at"],
    }
    written = _written(case)
    if secret := next(secret_scan.find(written.encode()), None):
        raise NoCase(f"{secret.kind} is in it; write the case by hand, with something else in its place")
    return written


def _written(case: Mapping[str, Any]) -> str:
    """Return JSON that people can read; what UTF-8 cannot hold stays escaped."""
    text = json.dumps(case, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(case)
    return text


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
