"""What tests of platforms share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from platform_model import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The address of a model."""
    with serve() as address:
        yield address
