"""Errors that leave the process or the place in which they were raised."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from promptstage import errors

if TYPE_CHECKING:
    from collections.abc import Callable


def every_kind() -> list[errors.PromptstageError]:
    """One error of each class, with what `add_note` and an application add to it."""
    made: list[errors.PromptstageError] = [
        errors.PromptUnavailable("summarize", "no_release", "no release of summarize"),
        errors.VariablesMissing("summarize", ("text", "tone"), "items[1]"),
        *(kind("why") for kind in (errors.PromptTooLarge, errors.PromptUnsupported, errors.ReleaseInvalid)),
    ]
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert {type(error) for error in made} == kinds - {errors.PromptstageError}
    for error in made:
        error.add_note("while triaging")
    return made


@pytest.mark.parametrize("carry", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_is_copied_and_pickled(
    carry: Callable[[errors.PromptstageError], errors.PromptstageError],
) -> None:
    """A pool of processes gives the worker's error to its parent, and breaks if it cannot."""
    for error in every_kind():
        there = carry(error)

        assert type(there) is type(error)
        assert str(there) == str(error)
        assert vars(there) == vars(error)
