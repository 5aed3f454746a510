"""The tasks of a real Celery worker, each line of which says what it expects as its stamp."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery  # type: ignore[import-untyped] # has no types
from celery.utils.log import get_task_logger  # type: ignore[import-untyped] # has no types

from promptstage import PromptUnavailable, celery, logs
from promptstage.testing import Client

FORMAT = "stamp=%(promptstage)s;%(message)s"
logs.install()
client = Client.of({f"p{number}": "This is it" for number in range(10)})
app = Celery("jobs", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.update(worker_log_format=FORMAT, worker_task_log_format=FORMAT, worker_prefetch_multiplier=1)
celery.install(app)
log = get_task_logger("jobs")


def say(expected: str) -> None:
    """Log what the line's stamp should be."""
    log.info("expected=%s", expected)


def had(name: str) -> None:
    """Begin, get a prompt, and say so."""
    say("-")
    client.get(name)
    say(f"{name}@1.0.0")


def gets(name: str) -> None:
    """The plain case."""
    had(name)


def none(_: str) -> None:
    """Get no prompt."""
    say("-")


def fails(name: str) -> None:
    """End with an error."""
    had(name)
    raise KeyError(name)


def misses(name: str) -> None:
    """Find nothing where the one before did."""
    had(name)
    try:
        client.get("unknown")
    except PromptUnavailable:
        say("-")


def tries(self: Any, name: str) -> None:
    """Be tried again."""
    had(name)
    if self.request.retries < 2:
        raise self.retry(countdown=0)


def nests(name: str) -> None:
    """Run another one in its place."""
    had(name)
    app.tasks["gets"].apply(("p0",))
    say(f"{name}@1.0.0")


def chains(name: str) -> str:
    """Hand on a name."""
    had(name)
    return name


for job in (gets, none, fails, misses, nests, chains):
    app.task(job, name=job.__name__)
app.task(tries, name="tries", bind=True, max_retries=2)
