"""Log lines that say which prompt they belong to: for logging, structlog and loguru.

The fields are the same everywhere: ``prompt`` (``summarize@1.3.0``), ``prompt_name``, ``prompt_version``
and ``prompt_arm``. An application's own field of such a name wins. Nothing here imports structlog or loguru.
"""

from __future__ import annotations

import json
import logging
import os
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from promptstage.stamp import Stamp, current

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

# What every record has anyway; all else came with the application's `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "promptstage"}


class _Stamping:
    """A record factory around another one. Switched off it passes records through untouched."""

    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self.inner = inner
        self.active = True

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.inner(*args, **kwargs)
        if self.active:
            record.promptstage = current()
        return record


_lock = Lock()
_ours: _Stamping | None = None


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the parent's may be held by a thread that is not here
    _lock = Lock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)


def install() -> None:
    """Give every log record from now on one attribute, ``promptstage``: the stamp of its context.

    Its text is ``summarize@1.3.0``, or ``-`` without a prompt, so ``%(promptstage)s`` works in any
    format; it has ``name``, ``version``, ``arm`` and ``rollout``. Whatever record factory is there
    goes on working. Installing twice is installing once.
    """
    global _ours  # noqa: PLW0603 - the record factory is the process's, and so is this
    with _lock:
        if _ours is not None:
            _ours.active = True
        # Asked, not remembered: somebody may have set a factory since that does not call ours.
        if not hasattr(logging.makeLogRecord({}), "promptstage"):
            _ours = _Stamping(logging.getLogRecordFactory())
            logging.setLogRecordFactory(_ours)


def uninstall() -> None:
    """Undo `install`. Where others have wrapped our factory since, it stays and does nothing."""
    global _ours  # noqa: PLW0603 - see install
    with _lock:
        if _ours is None:
            return
        _ours.active = False
        if logging.getLogRecordFactory() is _ours:
            logging.setLogRecordFactory(_ours.inner)
            _ours = None


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the prompt if there is one, and all extras.

    An extra wins over the prompt's fields of the same name, and not over the others. No value can make
    it fail: what JSON cannot hold is written as text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a line."""
        return _dump(_prompt_of(record) | _extras_of(record) | self._core(record))

    def _core(self, record: logging.LogRecord) -> dict[str, object]:
        core: dict[str, object] = {
            "time": _rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message_of(record),
        }
        if isinstance(record.exc_info, tuple) and record.exc_info[0]:
            core["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            core["exception"] = record.exc_text
        if record.stack_info:
            core["stack"] = record.stack_info
        return core


def structlog_processor(
    logger: object,  # noqa: ARG001 - what structlog passes
    method_name: str,  # noqa: ARG001
    event_dict: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """A structlog processor; put it before the renderer. Without a prompt it adds nothing."""
    for name, value in _fields(current()).items():
        event_dict.setdefault(name, value)
    return event_dict


def loguru_patcher(record: Any) -> None:
    """A loguru patcher: ``logger.configure(patcher=loguru_patcher)``.

    The fields go into ``record["extra"]``. ``{extra[prompt]}`` is always there, as ``-`` without a prompt,
    for loguru refuses a format with a name that is not.
    """
    stamp = current()
    for name, value in ({"prompt": str(stamp)} | _fields(stamp)).items():
        record["extra"].setdefault(name, value)


def _prompt_of(record: logging.LogRecord) -> dict[str, object]:
    stamp = getattr(record, "promptstage", None)
    return _fields(stamp) if isinstance(stamp, Stamp) else {}


def _fields(stamp: Stamp) -> dict[str, object]:
    """What a structured line says of a prompt; nothing, where there is none."""
    if not stamp:
        return {}
    return {
        "prompt": str(stamp),
        "prompt_name": stamp.name,
        "prompt_version": stamp.version,
        "prompt_arm": stamp.arm,
    }


def _extras_of(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit: better shown than lost
        return f"{_text(record.msg)} {_text(record.args)}"


def _rfc3339(seconds: float) -> str:
    millis = int(seconds * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(millis // 1000))}.{millis % 1000:03d}Z"


def _dump(fields: dict[str, object]) -> str:
    try:
        return json.dumps(fields, allow_nan=False, default=_text)
    except Exception:  # noqa: BLE001 - an application's own objects; a log line is never lost for them
        return json.dumps({_text(name): _plain(value) for name, value in fields.items()}, default=_text)


def _plain(value: object) -> object:
    """A value that JSON surely takes: itself, or its text."""
    try:
        json.dumps(value, allow_nan=False, default=_text)
    except Exception:  # noqa: BLE001 - an application's own objects; a log line is never lost for them
        return _text(value)
    return value


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - anything may be wrong with an object that someone logs
        return f"<{type(value).__name__}>"
