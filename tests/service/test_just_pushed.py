"""A version is staged right after it was pushed, however seldom the registry looks by itself."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from support import Api, PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TYPOS = 10  # at once; more than changes may be made at once


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


@pytest.fixture
def hanging(serve: Callable[..., Registry], tmp_path: Path) -> Iterator[Registry]:
    """A registry that serves, but whose repository's host takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as host:
        earlier = serve()
        earlier.api.act("promote", "summarize", {"version": "1.0.0"})
        earlier.stop()
        upstream = f"http://127.0.0.1:{host.getsockname()[1]}/prompts.git"
        registry = Registry(upstream, tmp_path / "data", poll_seconds="3600")
        yield registry
        registry.kill()


def test_a_host_that_hangs_delays_nobody_else(hanging: Registry) -> None:
    """Who names what is unknown waits for it; other changes do not, nor does the end of the service."""

    def misspell(_: int) -> int:
        with closing(Api(hanging.url, hanging.api.token)) as api:
            return api.act("promote", "summarize", {"version": "9.9.9"}).status

    with ThreadPoolExecutor(TYPOS) as pool:
        waiting = [pool.submit(misspell, number) for number in range(TYPOS)]
        changed = [
            hanging.api.act("promote", "summarize", {"version": version}).status
            for version in ("1.1.0", "1.2.0", "1.1.0", "1.2.0", "1.1.0", "1.2.0")
        ]
        over = sum(future.done() for future in waiting)
        hanging.stop()

    assert (changed, over) == ([200] * 6, 0)
    assert {future.result() for future in waiting} == {404}
