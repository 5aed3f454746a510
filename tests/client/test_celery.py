"""Tasks of Celery that run in this process; `faults.celery_workers` has real workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import celery  # type: ignore[import-untyped] # has no types
import pytest

from promptstage.celery import install
from promptstage.stamp import EMPTY, current, stamped
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

client = Client.of({"summarize": "Summarize", "triage": "Triage"})


@pytest.fixture
def app() -> Iterator[Any]:
    """An application whose tasks run where they are called, in which another prompt is at work."""
    app = celery.Celery("tests", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.task_always_eager = True
    for _ in range(2):
        install(app)
    with stamped(EMPTY):
        client.get("triage")
        yield app
        assert str(current()) == "triage@1.0.0"


def work(*_: Any) -> list[str]:
    """What a task says before and after it gets a prompt."""
    before = str(current())
    client.get("summarize")
    return [before, str(current())]


def test_each_task_begins_without_a_stamp(app: Any) -> None:
    """And leaves none, whether it is called or part of a chain."""
    run = app.task(work)

    assert run.delay().get() == ["-", "summarize@1.0.0"]
    assert (run.s() | run.s()).apply().get() == ["-", "summarize@1.0.0"]


def test_a_task_within_a_task_is_one_of_its_own(app: Any) -> None:
    """The outer one goes on with its prompt."""
    inner = app.task(work, name="inner")

    def outer() -> list[str]:
        client.get("triage")
        return [*inner.apply().result, str(current())]

    assert app.task(outer).delay().get() == ["-", "summarize@1.0.0", "triage@1.0.0"]


def test_a_task_that_fails_or_is_tried_again_leaves_nothing(app: Any) -> None:
    """An eager retry runs within the first try, under the same id."""
    seen: list[list[str]] = []

    def fails(self: Any) -> None:
        seen.append(work())
        raise self.retry(exc=KeyError("each time"), countdown=0)

    with pytest.raises(KeyError):
        app.task(fails, bind=True, max_retries=2).delay().get()

    assert seen == [["-", "summarize@1.0.0"]] * 3


def test_tasks_of_another_application_stay_as_they_are(app: Any) -> None:
    """It did not ask."""
    other = celery.Celery("other", broker="memory://", backend="cache+memory://", set_as_current=False)
    with stamped(EMPTY):
        client.get("triage")
        assert other.task(work).apply().get() == ["triage@1.0.0", "summarize@1.0.0"]
