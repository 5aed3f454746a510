"""Read the keys of a case, and of `defaultTest`: plain values in, typed ones and faults out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from registry.catalog.parsing import fields
from registry.suites import assertions
from registry.suites.problems import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptstage.model import Json
    from registry.suites.checks.check import Check

ID_LENGTH = 200  # characters; it stands in reports, file names and addresses
SHOWN = 60  # characters of an author's text in a message
_CASE = ("id", "vars", "expected", "assert", "tags", "source", "threshold", "description")
_DEFAULT = ("assert", "vars", "threshold")


class Fields(NamedTuple):
    """The keys of a case, right or left out."""

    id: str
    vars: Json
    expected: Any
    checks: tuple[Check, ...]
    tags: tuple[str, ...]
    source: Json | None
    threshold: float | None


def case(data: Json, tools: Sequence[Json], faults: list[Fault]) -> Fields:
    """Read a line of a file of cases; `tools` are those that the prompt offers."""
    _warn_unknown(data, _CASE, "a case", faults)
    _text(data, "description", faults)
    return Fields(
        _id(data, faults),
        _mapping(data, "vars", faults) or {},
        data.get("expected"),
        _checks(data, tools, faults),
        _tags(data, faults),
        _mapping(data, "source", faults),
        _threshold(data, faults),
    )


def default_test(data: Any, tools: Sequence[Json], faults: list[Fault]) -> Fields:
    """Read `defaultTest` of a prompt's file."""
    if not isinstance(data, dict):
        message = "defaultTest must be a mapping; write `assert:` below it"
        faults.append(Fault((), "assertion", message))
        data = {}
    _warn_unknown(data, _DEFAULT, "defaultTest", faults)
    checks = _checks(data, tools, faults)
    return Fields("", _mapping(data, "vars", faults) or {}, None, checks, (), None, _threshold(data, faults))


def _checks(data: Json, tools: Sequence[Json], faults: list[Fault]) -> tuple[Check, ...]:
    given = data.get("assert")
    if given is None:
        return ()
    found: list[Fault] = []
    checks = assertions.read(given, tools, found)
    faults += [fault.below("assert") for fault in found]
    return checks


def _id(data: Json, faults: list[Fault]) -> str:
    value = data.get("id")
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= ID_LENGTH:
        return value
    if value is None:
        message = 'a case needs an id, which reports name; write "id": "late-parcel"'
    else:
        message = f"an id is a text of 1 to {ID_LENGTH} printable characters in one line; correct it"
    faults.append(Fault(("id",), "case", message))
    return ""


def _text(data: Json, key: str, faults: list[Fault]) -> None:
    if not isinstance(data.get(key, ""), str | None):
        faults.append(Fault((key,), "case", f"{key} must be text; put it in quotes"))


def _mapping(data: Json, key: str, faults: list[Fault]) -> Json | None:
    value = data.get(key)
    if value is None or isinstance(value, dict):
        return value
    faults.append(Fault((key,), "case", f'{key} must be an object; write "{key}": {{...}}'))
    return None


def _tags(data: Json, faults: list[Fault]) -> tuple[str, ...]:
    value = data.get("tags")
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(tag, str) and tag for tag in value):
        return tuple(dict.fromkeys(value))
    faults.append(Fault(("tags",), "case", 'tags must be a list of texts; write "tags": ["refund"]'))
    return ()


def _threshold(data: Json, faults: list[Fault]) -> float | None:
    value = data.get("threshold")
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    faults.append(Fault(("threshold",), "case", "the threshold of a case is a score, 0 to 1; correct it"))
    return None


def _warn_unknown(data: Mapping[str, Any], known: tuple[str, ...], what: str, faults: list[Fault]) -> None:
    for key in data:
        if key not in known:
            near = fields.nearest(key, known)
            guess = f"did you mean {near}?" if near else "remove it"
            message = f"unknown key {key[:SHOWN]!r} of {what} has no effect; {guess}"
            faults.append(Fault((key,), "unknown_key", message))
