"""A registry with a console, that the tests of its pages share, and browsers at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from console.pages_over_http import Browser
from service.conftest import (  # noqa: F401 - the fixtures of the service
    _free,
    _guarded,
    _judged,
    _reviewed,
    api,
    environment,
    guarded,
    judged,
    new_repository,
    registry,
    repository,
    reviewed,
    serve,
    valkey,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support import Api, Registry


@pytest.fixture
def stranger(registry: Registry) -> Iterator[Browser]:  # noqa: F811
    """A browser without a session."""
    browser = Browser(registry.api.url)
    yield browser
    browser.close()


@pytest.fixture
def browser(stranger: Browser, api: Api) -> Browser:  # noqa: F811
    """The browser of an admin."""
    assert stranger.log_in(api.token).status == 303
    return stranger


@pytest.fixture
def browse(registry: Registry, api: Api) -> Iterator[Callable[..., Browser]]:  # noqa: F811
    """Logs in with a new token."""
    opened: list[Browser] = []

    def start(name: str, *capabilities: str, environments: list[str] | None = None) -> Browser:
        body = {"name": name, "capabilities": list(capabilities)}
        body |= {"environments": environments} if environments else {}
        secret = api.call("POST", "/v1/tokens", body).json["secret"]
        opened.append(Browser(registry.api.url))
        assert opened[-1].log_in(secret).status == 303
        return opened[-1]

    yield start
    for one in opened:
        one.close()
