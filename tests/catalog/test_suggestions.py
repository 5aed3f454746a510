"""A mistyped name is answered with those that may be meant, in a moment, however many there are."""

from __future__ import annotations

import time

import pytest

from registry.catalog.naming import NAME_LENGTH, VERSION_LENGTH, _is_name, _parse, is_name, is_version
from registry.catalog.suggestions import similar

NAMES = sorted(f"team-{number % 70}/summarize-{number}" for number in range(100_000))


@pytest.mark.parametrize("name", ["sumarize", "summarise", "ummarize", "summarize-"])
def test_a_mistyped_name_is_found(name: str) -> None:
    """Wherever the slip is, among as many prompts as most have."""
    assert similar(name, ["greet", "support/triage", "summarize", "translate"]) == ["summarize"]


def test_a_mistyped_name_among_many_is_found() -> None:
    """Around its place in the order of names."""
    assert "team-3/summarize-703" in similar("team-3/sumarize-703", ["team-3/summarize-703", *NAMES[:20]])
    assert similar("team-7/summarize-7777x", NAMES)


@pytest.mark.parametrize("name", ["team-1/sumarize-1", "a" * 80, "a" * 100_000, ""])
def test_a_hundred_thousand_names_cost_a_moment(name: str) -> None:
    """Anybody may ask for names that do not exist."""
    begun = time.process_time()
    for _ in range(10):
        similar(name, NAMES)

    assert time.process_time() - begun < 0.5  # some 1 ms each


def test_long_texts_are_not_remembered() -> None:
    """What is known of names and versions is kept by text: long ones, of strangers, would fill the memory."""
    before = _is_name.cache_info().currsize, _parse.cache_info().currsize

    assert not is_name("a" * (NAME_LENGTH + 1))
    assert not is_version("1.0.0-" + "a" * VERSION_LENGTH)
    assert before == (_is_name.cache_info().currsize, _parse.cache_info().currsize)
