"""Put the prompt on log lines: a filter and formatters, and hooks for structlog and loguru."""

from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from promptstage.stamp import FIELDS, current

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

# What every record has anyway; all else is the prompt's, or came with the application's `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({})).keys() - FIELDS) | {"message", "asctime", "taskName"}


def stamp(record: logging.LogRecord) -> None:
    """Give a record that has no stamp the one of this context."""
    if "promptstage" not in vars(record):
        vars(record).update(_fields() | vars(record))


class Filter(logging.Filter):
    """Stamps the records of a handler or logger, for a process in which nothing calls `install`.

    A logging configuration can name it: ``"filters": {"prompt": {"()": "promptstage.logs.Filter"}}``. Such
    a process is a supervisor that never imports the application. It lets every record through.
    """

    def filter(self, record: logging.LogRecord) -> Literal[True]:
        """Stamp a record that has no stamp."""
        stamp(record)
        return True


class Formatter(logging.Formatter):
    """The formatter of `logging`, for formats with the prompt's fields: it needs no `install` either.

    Fields that a record does not have, such as ``%(prompt_arm)s`` without a prompt, are ``-``.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
        *,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        defaults = dict.fromkeys(FIELDS, "-") | dict(defaults or {})
        super().__init__(fmt, datefmt, style, validate, defaults=defaults)

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a line."""
        stamp(record)
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the prompt if there is one, and all extras.

    An extra wins over the prompt's fields of the same name, and not over the others. No value can make
    it fail: what JSON cannot hold is written as text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a line."""
        stamp(record)
        extras = {name: value for name, value in vars(record).items() if name not in _OWN}
        return _dump(_structured(extras) | self._core(record))

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
    """A structlog processor; put it before the renderer. Without a prompt it adds nothing.

    Records of `logging` that come through structlog's ``ProcessorFormatter`` keep the stamp they were made
    with, whichever thread writes them.
    """
    made = vars(event_dict["_record"]) if "_record" in event_dict else {}
    fields = {name: made[name] for name in FIELDS if name in made} or _fields()
    for name, value in _structured(fields).items():
        event_dict.setdefault(name, value)
    return event_dict


def loguru_patcher(record: Any) -> None:
    """A loguru patcher: ``logger.configure(patcher=loguru_patcher)``.

    The fields go into ``record["extra"]``. ``{extra[prompt]}`` is always there, as ``-`` without a prompt,
    for loguru refuses a format with a name that is not.
    """
    for name, value in ({"prompt": "-"} | _structured(_fields())).items():
        record["extra"].setdefault(name, value)


def _fields() -> dict[str, object]:
    current().mark(fields := SimpleNamespace())
    return vars(fields)


def _structured(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a structured line: the stamp of a record, if it has one, as ``prompt``."""
    said = fields.get("promptstage")
    if not _is_stamp(said):  # an application's own: it stays, and ours is made of its parts
        name, version = fields.get("prompt_name"), fields.get("prompt_version")
        return {"prompt": f"{name}@{version}", **fields} if name else dict(fields)
    others = {name: value for name, value in fields.items() if name != "promptstage"}
    return others if said == "-" else {"prompt": said, **others}


def _is_stamp(value: object) -> bool:
    return isinstance(value, str) and (value == "-" or "@" in value)


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
