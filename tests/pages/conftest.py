"""The sample registry that most pages refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pages.running import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """One sample for all tests of a page, which run in the order in which they stand."""
    started = Sample(tmp_path_factory.mktemp("sample"))
    yield started
    started.stop()
