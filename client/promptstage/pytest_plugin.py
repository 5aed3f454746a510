"""A fixture for applications that test with pytest, which finds this module by itself.

`promptstage_client` is a `promptstage.testing.Client` of what `promptstage_prompts` returns, which an
application defines in its own conftest.py:

    @pytest.fixture
    def promptstage_prompts():
        return {"summarize": "Summarize {{text}}"}

In a test that takes it, every client of the application serves these prompts. While tests run a client needs
no URL, so that a module with `client = Client()` can be imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptstage import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptstage.testing import Client, Content


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Let an application be imported without a registry, by a conftest.py too."""
    stand_in.without_url = _nothing


def _nothing() -> Client:
    # Here, so that a run of tests that do not use it does not pay for it.
    from promptstage.testing import Client  # noqa: PLC0415

    return Client.of({})


@pytest.fixture
def promptstage_prompts() -> Mapping[str, Content]:
    """The prompts of `promptstage_client`, as `Client.of` takes them; override it in a conftest.py."""
    return {}


@pytest.fixture
def promptstage_client(promptstage_prompts: Mapping[str, Content]) -> Iterator[Client]:
    """A client without a registry, whose prompts every other client serves, too.

    The test begins without a stamp, and leaves none to the next one.
    """
    from promptstage.stamp import EMPTY, stamped  # noqa: PLC0415
    from promptstage.testing import Client  # noqa: PLC0415

    with stamped(EMPTY), Client.of(promptstage_prompts).everywhere() as client:
        yield client
