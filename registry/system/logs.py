"""The service's log on standard error: lines for people, or JSON objects for programs.

Text from outside (names, git's output, an exception's message) cannot forge a line or move a terminal's
cursor: unprintable characters are escaped, and tracebacks are indented. User keys are never logged:
requests are counted (`/metrics`) instead.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal

from registry.system import timestamps
from registry.system.text import visible

Format = Literal["text", "json"]

COLOURS = {logging.WARNING: "\033[33m", logging.ERROR: "\033[31m", logging.CRITICAL: "\033[31m"}
RESET = "\033[0m"
INDENT = "    "  # of a traceback; only a log line begins with a time
# Attributes of every record; others came with `extra`. `color_message` is uvicorn's message in colour.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
# uvicorn's milestones, which our own lines cover in more detail; a request's error is logged with its answer.
SAID_BETTER = (
    "Started server process",
    "Waiting for application",
    "Application startup complete",
    "Application shutdown complete",
    "Finished server process",
    "Started parent process",
    "Stopping parent process",
    "Waiting for child process",
    "Exception in ASGI application",
)


class TextFormatter(logging.Formatter):
    """``2026-11-23T13:05:00.123Z WARNING the sentence``."""

    def __init__(self, *, colours: bool = False) -> None:
        super().__init__()
        self._colours = COLOURS if colours else {}

    def format(self, record: logging.LogRecord) -> str:
        """Format one line, with a traceback indented below it."""
        head = f"{_time(record)} {record.levelname:<7} {visible(record.getMessage())}"
        colour = self._colours.get(record.levelno, "")
        lines = [f"{colour}{head}{RESET}" if colour else head]
        lines += [INDENT + visible(line) for line in _traceback(self, record).splitlines()]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time``, ``level``, ``logger``, ``message``, and the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format in ASCII, so that no character can be taken for a line end."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        if traceback := _traceback(self, record):
            line["traceback"] = traceback
        return json.dumps(line, default=str)


class WorthALine(logging.Filter):
    """Drop the lines of uvicorn that our own replace."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record."""
        return record.name != "uvicorn.error" or not str(record.msg).startswith(SAID_BETTER)


def configuration(style: Format, *, terminal: bool) -> dict[str, Any]:
    """Build the `logging.config` dictionary for the registry's and uvicorn's loggers.

    Args:
        style: the format of a record.
        terminal: whether standard error is a terminal, which gets colours.
    """
    formatter: dict[str, Any] = {"()": JsonFormatter} if style == "json" else {"()": TextFormatter}
    if style == "text":
        formatter["colours"] = terminal
    logger = {"handlers": ["stderr"], "level": "INFO", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"own": formatter},
        "filters": {"own": {"()": WorthALine}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "own", "filters": ["own"]},
        },
        # urllib3's warnings name addresses of notifications, which are secrets; its errors are raised.
        "loggers": {"registry": logger, "uvicorn": logger, "urllib3": {"level": "ERROR"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return timestamps.rfc3339(moment, "milliseconds")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
