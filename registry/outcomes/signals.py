"""What is said of calls afterwards: feedback of people, scores of judges, and conversations that are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.outcomes.call import MAX_TEXT, UUID7, Refused, text
from registry.outcomes.identity import HASH, hashed

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("up", "down", "edited", "accepted", "regenerated")
VALUE = "value"  # the name of feedback that is a number
MAX_COMMENT = 1000  # characters
MAX_RUBRIC = 100  # a digest


def feedback(record: Any) -> dict[str, Any]:
    """Return the entry of ``{"call", "kind" | "value", "comment"?}``. Raises Refused."""
    given = _object(record)
    kind, value = given.get("kind"), given.get("value")
    if (kind is None) == (value is None):
        raise Refused("give a kind or a value, not both")
    if kind is not None and kind not in KINDS:
        raise Refused(f"kind: one of {', '.join(KINDS)}")
    number = None if value is None else _share(value)
    return _with_comment(
        {"call": _call(given), "kind": "feedback", "name": kind or VALUE, "value": number},
        given.get("comment"),
    )


def score(record: Any) -> dict[str, Any]:
    """Return the entry of ``{"call", "name", "value", "judge"?, "rubric"?, "comment"?}``. Raises Refused."""
    given = _object(record)
    name = given.get("name")
    if name is None or not (name := text(name)):
        raise Refused("name: a text")
    entry = {
        "call": _call(given),
        "kind": "score",
        "name": name,
        "value": _share(given.get("value")),
        "judge": _optional(given, "judge") or "",
    }
    return _with_comment(entry, given.get("comment"), rubric=_optional(given, "rubric", MAX_RUBRIC))


def resolution(record: Any) -> tuple[str, bool]:
    """Return the hash of ``{"conversation", "ok"}`` and whether it went well. Raises Refused."""
    given = _object(record)
    if type(given.get("ok")) is not bool:
        raise Refused("ok: true or false")
    return subject(given, "conversation"), given["ok"]


def subject(given: Mapping[str, Any], name: str) -> str:
    """Return the hash of a key or conversation, which may be given as the hash. Raises Refused."""
    value = given.get(name)
    if type(value) is not str or not value:
        raise Refused(f"{name}: a text")
    return value if HASH.fullmatch(value) else hashed(value)


def _object(record: Any) -> dict[str, Any]:
    if type(record) is not dict:
        raise Refused("a record is an object")
    return record


def _call(given: Mapping[str, Any]) -> str:
    value = given.get("call")
    if type(value) is str and UUID7.fullmatch(value.lower()):
        return value.lower()
    raise Refused("call: the id of a call, a UUIDv7")


def _share(value: Any) -> float:
    if type(value) not in {int, float} or not 0 <= value <= 1:
        raise Refused("value: a number from 0 to 1")
    return float(value)


def _optional(given: Mapping[str, Any], name: str, limit: int = MAX_TEXT) -> str | None:
    value = given.get(name)
    try:
        return None if value is None else text(value, limit)
    except Refused as error:
        raise Refused(f"{name}: {error}") from None


def _with_comment(entry: dict[str, Any], comment: Any, **more: str | None) -> dict[str, Any]:
    if comment is not None and type(comment) is not str:
        raise Refused("comment: a text")
    detail = {**more, "comment": comment and text(comment, MAX_COMMENT)}
    entry["detail"] = {name: value for name, value in detail.items() if value is not None}
    return entry
