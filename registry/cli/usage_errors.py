"""Say in plain words what is wrong with the value of an option, where typer leaves that to pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.system.validation import in_words

if TYPE_CHECKING:
    import typer

SHOWN = 60  # characters of the value
# By pydantic's type of error.
PLAIN = {
    "int_parsing": "is no whole number; write digits alone",
    "int_parsing_size": "is too large; write a smaller number",
    "int_from_float": "is no whole number; write digits alone",
    "float_parsing": "is no number; write one like 2 or 0.5",
    "finite_number": "is no number; write one like 2 or 0.5",
    "greater_than_equal": "is too small; write {ge:g} or more",
    "greater_than": "is too small; write more than {gt:g}",
    "less_than_equal": "is too large; write {le:g} or less",
    "less_than": "is too large; write less than {lt:g}",
}


def explain(error: typer.BadParameter) -> None:
    """Put plain words in place of pydantic's; other errors stay as they are."""
    causes = getattr(error.__cause__, "errors", None)
    if callable(causes) and (found := causes()):
        error.message = sentence(found[0])


def sentence(found: Any) -> str:
    """Return one of pydantic's errors as a sentence that names the value and the remedy."""
    said = in_words(found, PLAIN)
    return f"{str(found['input'])[:SHOWN]!r} {said}" if found["type"] in PLAIN else said
