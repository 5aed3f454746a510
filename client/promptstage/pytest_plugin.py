"""A fixture for applications that test with pytest, which finds this module by itself.

`promptstage_client` is a `promptstage.testing.Client` of what `promptstage_prompts` returns, which an
application defines in its own conftest.py:

    @pytest.fixture
    def promptstage_prompts():
        return {"summarize": "Summarize {{text}}"}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptstage.testing import Client, Content


@pytest.fixture
def promptstage_prompts() -> Mapping[str, Content]:
    """The prompts of `promptstage_client`, as `Client.of` takes them; override it in a conftest.py."""
    return {}


@pytest.fixture
def promptstage_client(promptstage_prompts: Mapping[str, Content]) -> Iterator[Client]:
    """A client without a registry. The test begins without a stamp, and leaves none to the next one."""
    # Here, so that a run of tests that do not use it does not pay for it.
    from promptstage.stamp import EMPTY, stamped  # noqa: PLC0415
    from promptstage.testing import Client  # noqa: PLC0415

    with stamped(EMPTY):
        yield Client.of(promptstage_prompts)
