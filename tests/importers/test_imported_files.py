"""The files that an import writes: any value reads back as it was, in every YAML reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.catalog.parsing.strict_yaml import Source
from registry.errors import Invalid
from registry.importers.prompt_file import cases_file, prompt_file

ODD = ["no", "1:30", "2024-01-01", "~", "0x1f", "a: b", "a #b", "a:", "\n\n", " x\ny", "x " * 60]
TEXTS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    | st.text("ab \n\t:#-{}|>'\"yno1.\r\u2028\ufeff\x7f")
    | st.sampled_from(ODD)
)
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3))
def test_what_is_written_reads_back(document: dict[str, Any]) -> None:
    """The registry's own reader has no finding, and finds the same values."""
    source = Source(prompt_file(document))

    assert source.findings == []
    assert source.root is not None
    assert source.root.plain() == document


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3))
def test_yaml_1_1_reads_the_same_texts(document: dict[str, str]) -> None:
    """To a reader for which `no` is false and `1:30` is 90, these are texts, too."""
    assert yaml.safe_load(prompt_file(document)) == document


def test_a_long_text_is_a_block() -> None:
    """An author reads and diffs it line by line."""
    written = prompt_file({"messages": [{"role": "system", "content": "One.\n\nTwo: {{text}}\n"}]})

    assert written.decode() == (
        "messages:\n  - role: system\n    content: |\n      One.\n\n      Two: {{text}}\n"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "none that JSON can hold"),
        ("\ud800", "half a character"),
        (json.loads("[" * 70 + "]" * 70), "more than 64 levels"),
    ],
)
def test_what_no_file_can_hold_is_refused(value: Any, said: str) -> None:
    """Before anything is written."""
    with pytest.raises(Invalid, match=said):
        prompt_file({"metadata": {"x": value}})


def test_cases_are_one_a_line() -> None:
    """Whatever line ends a text has."""
    lines = cases_file([{"id": "a", "vars": {"text": "one\ntwo\u2028three"}}, {"id": "b"}])

    assert [json.loads(line)["id"] for line in lines.split(b"\n")[:-1]] == ["a", "b"]
