"""Celery: each task is a piece of work of its own. Importing this module imports Celery.

from promptstage import celery as promptstage_celery

app = Celery("tasks")
promptstage_celery.install(app)
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from celery.signals import (  # type: ignore[import-untyped] # has no types
    task_postrun,
    task_prerun,
    worker_process_shutdown,
)

from promptstage._reporting.sender import close_all
from promptstage.tasks import Task, task

# A task may run others in its place (`apply`, eager ones, an eager retry of itself): the last one ends first.
_running: ContextVar[tuple[Task, ...]] = ContextVar("promptstage_celery", default=())


def install(app: Any) -> None:
    """Let each task of an application begin without a stamp, and leave none to the next one.

    A worker process that ends sends the calls that it has not reported yet.

    By signals, so it holds for every pool (prefork, threads, gevent, eventlet, solo), for retries, for what
    `shared_task` makes, and for tasks that are defined later or run eagerly. Installing twice is installing
    once. Call it where the application is made, which worker processes import, too.

    Args:
        app: the `celery.Celery`; tasks of others stay as they are.
    """
    app = getattr(app, "_get_current_object", lambda: app)()  # `current_app` and its like are proxies

    def begin(sender: Any, **_: object) -> None:
        if sender.app is app:
            work = task()
            work.__enter__()
            _running.set((*_running.get(), work))

    def end(sender: Any, **_: object) -> None:
        if sender.app is app and (running := _running.get()):
            _running.set(running[:-1])
            running[-1].__exit__(None, None, None)

    for signal, receiver in ((task_prerun, begin), (task_postrun, end), (worker_process_shutdown, _flush)):
        signal.connect(receiver, weak=False, dispatch_uid=f"promptstage {id(app)}")


def _flush(**_: object) -> None:
    """Send the last reports of a worker process, which ends without `atexit`."""
    close_all()
