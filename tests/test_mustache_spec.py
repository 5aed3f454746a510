"""The specification's own tests, from a prompt file to the text that an app gets.

`vectors/mustache/` holds them as https://github.com/mustache/spec has them (commit 9cb20c3, MIT).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promptstage.errors import VariablesMissing
from promptstage.model import dump_document, parse_document
from promptstage.structured_rendering import make_renderer
from registry.catalog.parsing.document import parse
from registry.errors import DocumentInvalid

VECTORS = Path(__file__).parent / "vectors/mustache"
ROWS = {
    f"{file.stem}: {row['name']}": row
    for file in sorted(VECTORS.glob("*.json"))
    for row in json.loads(file.read_text())["tests"]
}
ESCAPING = (  # nothing is HTML here, so nothing is escaped
    "interpolation: HTML Escaping",
    "interpolation: Implicit Iterators - HTML Escaping",
    "sections: Implicit Iterator - HTML Escaping",
)
STRICT = {  # rows that render as nothing what nobody gave, with the name that is missed
    "interpolation: Basic Null Interpolation": "cannot",  # None counts as not given
    "interpolation: Triple Mustache Null Interpolation": "cannot",
    "interpolation: Ampersand Null Interpolation": "cannot",
    "interpolation: Basic Context Miss Interpolation": "cannot",
    "interpolation: Triple Mustache Context Miss Interpolation": "cannot",
    "interpolation: Ampersand Context Miss Interpolation": "cannot",
    "interpolation: Dotted Names - Broken Chains": "a.b.c",
    "interpolation: Dotted Names - Broken Chain Resolution": "a.b.c.name",
    "interpolation: Dotted Names - Context Precedence": "b.c",
}
WHOLE_NAME_FIRST = {  # a variable may have a dotted name, and counts before the parts of it
    "interpolation: Dotted Names are never single keys": "c",
    "interpolation: Dotted Names - No Masking": "c",
}
# The variables are a mapping, so that outside of sections there is no item.
NO_ITEM = {name for name, row in ROWS.items() if not isinstance(row["data"], dict)}
HERMETIC = {  # partials are files of the same commit, put in when it is read
    "partials: Failed Lookup": "asks for text, which is not there",
    "partials: Recursion": "asks for itself: node -> node",
}
EXCEPTED = {*ESCAPING, *STRICT, *WHOLE_NAME_FIRST, *NO_ITEM, *HERMETIC}


def render(row: dict[str, Any]) -> str:
    """What an app gets of a row's template with its data."""
    file = {"template": "mustache", "messages": [{"role": "user", "content": row["template"]}]}
    partials = {path: text.encode() for path, text in row.get("partials", {}).items()}
    document = parse(json.dumps(file).encode(), "prompts/a.prompt.yml", partials).document
    sent = json.dumps(dump_document(document))
    (message,) = make_renderer("a", parse_document(json.loads(sent))).messages(row["data"])
    return message["content"]


@pytest.mark.parametrize("name", [name for name in ROWS if name not in EXCEPTED])
def test_a_row(name: str) -> None:
    """It renders as expected."""
    assert render(ROWS[name]) == ROWS[name]["expected"]


def test_all_rows_are_here() -> None:
    """Those of the five files, of which so many are excepted."""
    assert (len(ROWS), len(EXCEPTED), len(NO_ITEM)) == (122, 21, 6)


@pytest.mark.parametrize("name", sorted({*ESCAPING} - NO_ITEM))
def test_nothing_is_escaped(name: str) -> None:
    """The texts have the very characters."""
    row = ROWS[name]
    unescaped = row["expected"].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">")

    assert render(row) == unescaped.replace("&amp;", "&")


@pytest.mark.parametrize("name", STRICT)
def test_what_is_missing_is_named(name: str) -> None:
    """Where the specification renders nothing."""
    with pytest.raises(VariablesMissing) as caught:
        render(ROWS[name])

    assert caught.value.names == (STRICT[name],)


@pytest.mark.parametrize("name", WHOLE_NAME_FIRST)
def test_a_dotted_name_is_looked_for_as_a_whole_first(name: str) -> None:
    """Among the variables."""
    assert render(ROWS[name]) == WHOLE_NAME_FIRST[name]


@pytest.mark.parametrize("name", sorted(NO_ITEM))
def test_there_is_no_item_outside_of_sections(name: str) -> None:
    """A file that asks for one is invalid."""
    with pytest.raises(DocumentInvalid, match="is the item of a section, and there is none"):
        render(ROWS[name])


@pytest.mark.parametrize("name", HERMETIC)
def test_a_partial_is_a_file_that_is_there(name: str) -> None:
    """And never asks for itself."""
    with pytest.raises(DocumentInvalid, match=HERMETIC[name]):
        render(ROWS[name])
