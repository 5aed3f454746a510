"""The pages while the database of outcomes is gone or damaged: what is in force does not need it."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import uuid4

from console.pages_over_http import Browser
from console.test_console_pages import released
from outcomes_in import now, record, uuid7

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Api, Registry

NAMES = defaultdict(lambda: "summarize", environment="production", version="1.0.0", call=uuid7(now()))
OF_CALLS = ("/usage", "/calls", "/usage.csv", f"/calls/{NAMES['call']}")
OTHERS = ("", "/prompts/summarize", "/rollouts/summarize", "/history", "/approvals", "/rollback")


def check(registry: Registry, said: str) -> None:
    """Open pages: those of calls say what is wrong, the others are there, and a rollback goes through."""
    where = released(registry.api, "production")
    with closing(Browser(registry.url)) as browser:
        browser.log_in(registry.api.token)
        for path in OTHERS:
            page = browser.get(where + path)
            assert page.status == 200, page.text
        assert "the database" in browser.get(where).text
        for path in OF_CALLS:
            page = browser.get(where + path)
            assert page.status == 503
            assert said in page.text
        assert said in browser.get("/console/system").text
        action = f"{where}/actions/rollback/summarize"
        assert browser.submit(action, action).status == 303


def reads(api: Api) -> Iterator[str]:
    """Every path of the API that can be read, but for streams."""
    for path, operations in api.get("/openapi.json").json["paths"].items():
        answers = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if answers and "text/event-stream" not in answers:
            yield path.format_map(NAMES)


def report(api: Api) -> int:
    """Report a call; the status of the answer."""
    body = {"batch": str(uuid4()), "calls": [record()]}
    return api.call("POST", "/v1/environments/production/calls", body).status


def test_without_a_database(serve: Callable[..., Registry]) -> None:
    """Pages of calls say so plainly; what is in force is shown, and taken back."""
    registry = serve(database_url="postgresql://127.0.0.1:9/gone?connect_timeout=2")
    check(registry, "the database of outcomes does not answer: ")


def test_a_file_that_cannot_be_read(serve: Callable[..., Registry], tmp_path: Path) -> None:
    """Pages say what helps, the API answers each read, and what helps does."""
    registry = serve()
    for part in ("main", "inbox"):
        file = tmp_path / f"data/outcomes/{part}.sqlite"
        file.mkdir(parents=True)
        check(registry, "see that the registry may read and write this file and its folder, and that it is a")
        file.rmdir()
        file.write_bytes(b"no database " * 1000)
        check(registry, f"stop the registry, move outcomes/{part}.sqlite and what begins with its name out")
        answers = {path: registry.api.get(path).status for path in reads(registry.api)}
        assert [path for path, status in answers.items() if status == 500] == []
        assert report(registry.api) == 503
        for each in file.parent.iterdir():
            each.unlink()
        file.parent.rmdir()
    assert "Traceback" not in registry.log

    registry.stop()
    assert report(serve().api) == 200
