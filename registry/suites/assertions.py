"""Read assertions in promptfoo's vocabulary: plain values in, checks and faults out. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing import fields, json_schema
from registry.catalog.parsing.partials import FILE_SIZE, TOO_LARGE, wrong_path
from registry.catalog.parsing.strict_yaml import Source
from registry.suites.checks import patterns, values
from registry.suites.checks.check import Check
from registry.suites.checks.vocabulary import CODE, ELSEWHERE, KINDS, NOT, WORDS
from registry.suites.problems import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from promptstage.model import Json
    from registry.catalog.parsing.partials import Files
    from registry.suites.checks.vocabulary import Kind

FILE = "file://"  # before the path of a rubric, from the prompts folder
SCHEMA_ERRORS = 3  # about one schema
SHOWN = 60  # characters of an author's text in a message
_KEYS = ("type", "value", "threshold", "weight", "metric")
_UNREAD = ("transform", "contextTransform", "rubricPrompt", "config")  # would change what is judged
_SHAPE = "write `{type: ..., value: ...}`"


def read(given: Any, tools: Sequence[Json], faults: list[Fault]) -> tuple[Check, ...]:
    """Read a list of assertions.

    Args:
        given: the list, as JSON has it.
        tools: those that the prompt offers, for `is-valid-openai-tools-call`.
        faults: gets what is wrong; a check with an error is left out.
    """
    if not isinstance(given, list):
        faults.append(Fault((), "assertion", f"assert must be a list; {_SHAPE} for each"))
        return ()
    checks = []
    for index, one in enumerate(given):
        found: list[Fault] = []
        check = _read(one, tools, found)
        faults += [fault.below(index) for fault in found]
        checks += [check] if check else []
    return tuple(checks)


def rubric_files(given: Any) -> Iterator[str]:
    """Yield the paths of the rubrics that a list of assertions names, right or wrong."""
    for one in given if isinstance(given, list) else ():
        match one:
            case {"type": "llm-rubric" | "not-llm-rubric", "value": str(value)} if value.startswith(FILE):
                yield value.removeprefix(FILE)


def rubric_of(check: Check, beside: Files) -> Check | Fault:
    """Return a check with the text of the rubric's file that it names, if it names one."""
    if check.type != "llm-rubric" or not check.value.startswith(FILE):
        return check
    path = check.value.removeprefix(FILE)
    data = beside.get(path, "is not there; write the file, or correct the path")
    if isinstance(data, bytes) and len(data) <= FILE_SIZE:
        try:
            return replace(check, value=data.decode())
        except UnicodeDecodeError:
            data = "is no text in UTF-8; save it as UTF-8"
    why = data if isinstance(data, str) else TOO_LARGE
    return Fault((), "rubric", f"{check.value[:SHOWN]!r} {why}")


def _read(given: Any, tools: Sequence[Json], faults: list[Fault]) -> Check | None:
    if not isinstance(given, dict):
        faults.append(Fault((), "assertion", f"an assertion must be a mapping; {_SHAPE}"))
        return None
    kind = _kind(given, faults)
    if kind is None:
        return None
    named = str(given["type"])
    plain = named.removeprefix(NOT)
    value = given.get("value")
    faults += _about_value(plain, kind, given)
    faults += _about_numbers(plain, kind, given)
    faults += _about_keys(given)
    if any(fault.is_error for fault in faults):
        return None
    if kind.takes == "tools" and value is None:
        value = list(tools)
    if kind.takes == "schema":
        value = _schema(value)
    return Check(
        type=plain,
        value=value,
        threshold=given.get("threshold"),
        weight=given.get("weight", 1),
        negated=named != plain,
        name=given.get("metric") or "",
    )


def _kind(given: Mapping[str, Any], faults: list[Fault]) -> Kind | None:
    """Return the kind of an assertion; none if it is not judged here."""
    named = given.get("type")
    if not isinstance(named, str):
        faults.append(
            Fault(("type",) * ("type" in given), "assertion", f"an assertion needs a type; {_SHAPE}")
        )
        return None
    plain = named.removeprefix(NOT)
    if plain in KINDS:
        return KINDS[plain]
    if plain in CODE:
        message = (
            f"{named} would run code or send answers elsewhere, which no check does; say it in other checks"
        )
        faults.append(Fault(("type",), "code_assertion", message))
        return None
    if plain in ELSEWHERE or plain.startswith(("similar:", "trajectory:", "trace-")):
        message = f"{named} of promptfoo is not judged here; say it with llm-rubric, or remove it"
    else:
        near = fields.nearest(plain, KINDS)
        guess = f"did you mean {near}?" if near else f"use one of {', '.join(KINDS)}"
        message = f"there is no assertion {named[:SHOWN]!r}; {guess}"
    faults.append(Fault(("type",), "assertion", message))
    return None


def _about_value(name: str, kind: Kind, given: Mapping[str, Any]) -> Iterator[Fault]:
    value = given.get("value")
    if not _fits(kind, given):
        yield Fault(
            ("value",) * ("value" in given),
            "assertion",
            f"{name} takes {WORDS[kind.takes]}; write it as value",
        )
        return
    if isinstance(value, str) and value.startswith(FILE):
        if kind.takes != "rubric":
            yield Fault(
                ("value",),
                "assertion",
                f"only the value of llm-rubric may be a file; write that of {name} out",
            )
        elif why := wrong_path(value.removeprefix(FILE)):
            yield Fault(("value",), "rubric", f"{value[:SHOWN]!r} {why}")
    if kind.takes != "schema" and (logic := values.problem(value)):
        message = f"{logic!r} is a template of promptfoo's that is not read here; only {{{{name}}}} is"
        yield Fault(("value",), "assertion", message)
    if kind.takes == "pattern" and not values.names(value) and (why := patterns.problem(str(value))):
        yield Fault(("value",), "pattern", f"this regular expression {why}")
    if kind.takes == "schema" and value is not None:
        yield from _about_schema(value)


def _about_schema(value: Any) -> Iterator[Fault]:
    schema = _schema(value)
    if not isinstance(schema, dict):
        yield Fault(("value",), "schema", "this is no JSON Schema; write a mapping, or YAML or JSON of one")
        return
    yield from _faults_of(json.dumps(schema))


@lru_cache(maxsize=256)  # many cases have the same schema, and one takes a third of a millisecond
def _faults_of(text: str) -> tuple[Fault, ...]:
    schema = json.loads(text)
    return (
        *(
            Fault(("value", *path), "schema", f"this is no JSON Schema: {why}")
            for path, why in islice(json_schema.errors(schema), SCHEMA_ERRORS)
        ),
        *(
            Fault(("value", *path), "unknown_key", why)
            for path, why in islice(json_schema.unknown(schema), SCHEMA_ERRORS)
        ),
    )


def _schema(value: Any) -> Any:
    """Return a schema, which may be the text of one."""
    if not isinstance(value, str):
        return value
    source = Source(value.encode("utf-8", "replace"))
    return None if source.findings or source.root is None else source.root.plain()


def _fits(kind: Kind, given: Mapping[str, Any]) -> bool:
    return "value" in given if kind.takes == "anything" else _FITS[kind.takes](given.get("value"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_list_of_texts(value: Any) -> bool:
    return bool(value) and (isinstance(value, str) or (isinstance(value, list) and all(map(_is_text, value))))


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


_FITS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: _is_text(value) and value != "",
    "string": lambda value: isinstance(value, str),
    "texts": _is_list_of_texts,
    "pattern": _is_words,
    "rubric": _is_words,
    "schema": lambda value: value is None or isinstance(value, dict | str),
    "tools": lambda value: value is None or isinstance(value, list),
    "nothing": lambda value: value is None,
}


def _about_numbers(name: str, kind: Kind, given: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("threshold", "weight"):
        value = given.get(key)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            yield Fault((key,), "assertion", f"{key} must be a number, 0 or more; write it without quotes")
        elif key == "threshold" and not kind.bound:
            yield Fault((key,), "unknown_key", f"threshold has no effect on {name}; remove it")
        elif key == "threshold" and kind.takes == "rubric" and value > 1:
            yield Fault((key,), "assertion", "a threshold of llm-rubric is a score, 0 to 1; lower it")
    if kind.bound == "must" and given.get("threshold") is None:
        yield Fault(
            (), "assertion", f"{name} needs a threshold; write `threshold: {kind.example['threshold']}`"
        )


def _about_keys(given: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(given.get("metric", ""), str | None):
        yield Fault(("metric",), "assertion", "metric must be text; quote it")
    for key in given:
        if key in _UNREAD:
            yield Fault(
                (key,), "assertion", f"{key} is not read here, and would change what is judged; remove it"
            )
        elif key not in _KEYS:
            near = fields.nearest(key, _KEYS)
            guess = f"did you mean {near}?" if near else "remove it"
            yield Fault(
                (key,), "unknown_key", f"unknown key {key[:SHOWN]!r} of an assertion has no effect; {guess}"
            )
