"""A version is staged right after it was pushed, however seldom the registry looks by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import Api, PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def seldom(new_repository: PromptRepository, serve: Callable[..., Registry]) -> Registry:
    """A registry that looks once an hour."""
    return serve(source=new_repository, poll_seconds="3600")


def test_a_release_manager_need_not_wait(seldom: Registry, new_repository: PromptRepository) -> None:
    """Neither for a new version nor for a new prompt."""
    new_repository.tag("summarize", "1.3.0")
    new_repository.tag("brand-new", "1.0.0")

    promoted = [
        seldom.api.act("promote", "summarize", {"version": "1.3.0"}),
        seldom.api.act("promote", "brand-new", {"version": "1.0.0"}),
    ]

    assert [answer.status for answer in promoted] == [200, 200]


def test_what_is_shown_before_is_as_fresh(seldom: Registry, new_repository: PromptRepository) -> None:
    """A command reads the state, the version and the difference first."""
    new_repository.tag("summarize", "1.4.0")

    assert seldom.api.get("/v1/prompts/summarize/versions/1.4.0").status == 200


def test_an_app_does_not_make_the_registry_look(seldom: Registry, new_repository: PromptRepository) -> None:
    """A wrong name in a loop must not reach the repository's host."""
    made = seldom.api.call("POST", "/v1/tokens", {"name": "app", "role": "reader"})
    new_repository.tag("summarize", "1.5.0")

    app = Api(seldom.url, made.json["secret"])

    assert app.get("/v1/prompts/summarize/versions/1.5.0").status == 404
    app.close()
