"""Read the operator's file; what is wrong with it is named by file and key."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry.errors import Invalid
from registry.policies.rule_set import Rules
from registry.system.validation import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from registry.policies.spending import Alert, Budget

PLAIN = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is missing",
    "bool_type": "write true or false",
    "string_type": "write a text",
    "int_type": "write a whole number",
    "path_type": "write a path",
    "literal_error": "write {expected}",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write a number from {ge} on",
    "less_than_equal": "write a number up to {le}",
    "date_type": "write a day, such as 2026-09-01",
    "model_type": "this is a table",
    "dict_type": "this is a table",
    "tuple_type": "this is a list",
    "string_too_short": "write a text",
    "too_short": "write at least {min_length}",
    "too_long": "write at most {max_length}",
}


def read(path: Path | None, environments: Iterable[str]) -> Rules:
    """Read the rules from a file; without one there are none.

    Args:
        path: the file.
        environments: those that are configured; a rule for another one would never be kept.

    Raises:
        Invalid: it cannot be read, or holds what is no rule; the message names the file and the key.
    """
    if path is None:
        return Rules()
    try:
        text = path.read_text(encoding="utf-8")
        rules = Rules.model_validate(tomllib.loads(text, parse_float=Decimal))
    except OSError as error:
        raise wrong(path, f"it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise wrong(path, "; ".join(map(sentence, error.errors()))) from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise wrong(path, f"it is no TOML: {error}") from error
    if unknown := list(_unknown(rules, list(environments))):
        raise wrong(path, "; ".join(unknown))
    return rules


def _unknown(rules: Rules, environments: list[str]) -> Iterator[str]:
    """Name what the rules speak of and is not there."""
    there = f"there is no such environment; there are {', '.join(environments)}"
    for name in rules.environments:
        if name not in environments:
            yield f"environments.{name}: {there}"
    watched: dict[str, tuple[Budget | Alert, ...]] = {"budgets": rules.budgets, "alerts": rules.alerts}
    for kind, listed in watched.items():
        for number, rule in enumerate(listed):
            if rule.environment not in environments:
                yield f"{kind}[{number}].environment: {there}"
            for name in rule.notify:
                if name not in rules.notify:
                    yield f"{kind}[{number}].notify: there is no table [notify.{name}]"


def wrong(path: Path, what: str) -> Invalid:
    """Return the error of a file."""
    return Invalid(f"{path}: {what}", code="invalid_config")


def sentence(found: ErrorDetails) -> str:
    """Return one thing that is wrong, with the key: ``budgets[0].usd: write a number above 0``."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"])
    return f"{key.removeprefix('.')}: {in_words(found, PLAIN)}"
