"""Log lines that name their prompt: for logging, structlog and loguru.

The fields are the same everywhere: ``prompt`` (``summarize@1.3.0``), ``prompt_name``, ``prompt_version``,
``prompt_arm`` and, during a rollout, ``prompt_rollout``; a record of `logging` has ``promptstage`` in place
of ``prompt``. All are plain strings, for whatever pickles or ships a record. An application's own field of
such a name wins. Nothing here imports structlog or loguru.
"""

from __future__ import annotations

import logging
import os
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage.formatters import Filter, Formatter, JsonFormatter, loguru_patcher, structlog_processor
from promptstage.stamp import FIELDS, Stamp, current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    MakeRecord = Callable[..., logging.LogRecord]

__all__ = [
    "Filter",
    "Formatter",
    "JsonFormatter",
    "install",
    "loguru_patcher",
    "structlog_processor",
    "uninstall",
]


class _Hook(NamedTuple):
    """A function that `logging` calls, and the one that it calls in turn."""

    ours: MakeRecord
    inner: MakeRecord


def _stamping(inner: MakeRecord) -> MakeRecord:
    """A record factory around another one. Switched off it passes records through untouched."""

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = inner(*args, **kwargs)
        if _active:
            current().mark(record)
        return record

    return factory


def _yielding(inner: MakeRecord) -> MakeRecord:
    """`Logger.makeRecord` where ``extra`` replaces fields of ours; without it logging raises KeyError."""

    def make_record(  # noqa: PLR0913, PLR0917 - as logging calls it
        logger: logging.Logger,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        if not extra or extra.keys().isdisjoint(FIELDS):
            return inner(logger, name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
        others = {field: extra[field] for field in extra if field not in FIELDS}
        record = inner(logger, name, level, fn, lno, msg, args, exc_info, func, others, sinfo)
        record.__dict__.update({field: extra[field] for field in extra if field in FIELDS})
        return record

    return make_record


_lock = Lock()
_active = False
_factory: _Hook | None = None
_method: _Hook | None = None


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the parent's may be held by a thread that is not here
    _lock = Lock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)


def install() -> None:
    """Stamp every log record from now on: ``promptstage`` is ``summarize@1.3.0``, or ``-`` without a prompt.

    So ``%(promptstage)s`` works in any format. Where there is a prompt, records also have ``prompt_name``,
    ``prompt_version``, ``prompt_arm`` and, during a rollout, ``prompt_rollout``; all are plain strings. An
    application's own ``extra`` of such a name wins. Whatever record factory is there goes on working.
    Installing twice is installing once.
    """
    global _active, _factory, _method  # noqa: PLW0603 - the hooks are the process's, and so are these
    with _lock:
        _active = True
        # Asked, not remembered: others may have set a factory or method since that does not call ours.
        if not hasattr(logging.makeLogRecord({}), "promptstage"):
            inner = logging.getLogRecordFactory()
            _factory = _Hook(_stamping(inner), inner)
            logging.setLogRecordFactory(_factory.ours)
            _reserve()
        if not _extra_may_be_ours():
            inner = logging.Logger.makeRecord
            _method = _Hook(_yielding(inner), inner)
            _set_method(_method.ours)


def uninstall() -> None:
    """Undo `install`. Where others have wrapped our hooks since, they stay and do nothing."""
    global _active, _factory, _method  # noqa: PLW0603 - see install
    with _lock:
        _active = False
        if _factory and logging.getLogRecordFactory() is _factory.ours:
            logging.setLogRecordFactory(_factory.inner)
            _factory = None
        if _method and logging.Logger.makeRecord is _method.ours:
            _set_method(_method.inner)
            _method = None


def _reserve() -> None:
    """Tell the class of records of all fields early: a late one costs each record 0.3 us more in CPython."""
    Stamp("name", "version", "arm", "rollout").mark(logging.makeLogRecord({}))


def _extra_may_be_ours() -> bool:
    try:
        logging.root.makeRecord("", 0, "", 0, "", (), None, extra={"promptstage": "-"})
    except KeyError:
        return False
    return True


def _set_method(method: MakeRecord) -> None:
    logging.Logger.makeRecord = method  # type: ignore[method-assign] # what the standard library calls
