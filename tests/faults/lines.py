"""Text that somebody chose to deceive a log or a terminal: one line it stays, and a harmless one."""

from __future__ import annotations

import io
import json
import logging
import random
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from faults.scenario import Result, at_least

from promptstage import logs as client_logs
from registry.catalog.mirror import rejected_tags
from registry.cli import output
from registry.system import logs
from registry.system.text import SHOWN, escape, visible
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 7
PIECES = (
    "\n", "\r", "\r\n", "\0", "\t", "\v", "\f", "\b", "\a", "\x7f", "\x1b[31m", "\x1b[2J",
    "\x1b]0;owned\x07", "\x1b]8;;http://x\x1b\\", "\x1bP", "\x1b(0", "\x9b31m", "\x85", "\x90",
    "\x9d", "\u2028", "\u2029", "\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c",
    "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200b", "\u2060", "\ufeff",
    "\ud800", "\udfff", "\udcff", "\U000e0041", "\ufff9", "\xad", "\u0301", "é", "漢", "\U0001f600",
    '"', "\\", "\\n", "{", "}", "%s", "%", '{"level": "error"}', "<b>", "[red]", ":smile:",
    "2026-11-23T13:05:00.123Z ERROR   forged", "summarize", "/v1.0.0", " ", "a" * 300,
)  # fmt: skip


def prove(*, full: bool) -> Iterator[Result]:
    """Write texts of pieces through everything that writes a line."""
    count = 20_000 if full else 300
    for what, check in (
        ("a text in a line of the log", _in_text_log),
        ("a text in an object of the log", _in_json_log),
        ("a text in an object of an application's log", _in_application_log),
        ("a text on the terminal", _on_terminal),
        ("bytes shown in a message", _in_message),
    ):
        chance = random.Random(SEED)
        texts = ("".join(chance.choices(PIECES, k=chance.randint(1, 12))) for _ in range(count))
        yield at_least(Result(what, count, wrong=sum(not _holds(check, text) for text in texts)), count)


def obeyed(text: str) -> bool:
    """Whether a terminal would obey something in this line: a control, or what turns or hides text."""
    return any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)


def _holds(check: Callable[[str], bool], text: str) -> bool:
    try:
        return check(text)
    except Exception:  # noqa: BLE001 - what this looks for
        return False


def _in_text_log(text: str) -> bool:
    """One line for what was said; a traceback's lines cannot be taken for one of the log."""
    said = logs.TextFormatter().format(_record("%s", text))
    head, *rest = logs.TextFormatter().format(_record("%s", text, failure=ValueError(text))).split("\n")
    return (
        not obeyed(said)
        and not obeyed(head)
        and rest != []
        and all(line.startswith(logs.INDENT) and not obeyed(line) for line in rest)
    )


def _in_json_log(text: str) -> bool:
    record = _record("%s", text, failure=ValueError(text), reason=text, author={"name": text, text: [text]})
    line = logs.JsonFormatter().format(record)
    found = json.loads(line, parse_constant=_no_json)
    return not obeyed(line) and (found["message"], found["reason"]) == (_paired(text),) * 2


def _in_application_log(text: str) -> bool:
    record = _record("%s", text, failure=ValueError(text), reason=text, author={"name": text, text: [text]})
    line = client_logs.JsonFormatter().format(record)
    found = json.loads(line, parse_constant=_no_json)
    return not obeyed(line) and (found["message"], found["reason"]) == (_paired(text),) * 2


def _on_terminal(text: str) -> bool:
    """What commands print of the answers, by each way that they have."""
    cleaned = clean(text)
    complaint = _written("stderr", lambda: output.complain(text))
    dumped = _written("stdout", lambda: output.dump({"reason": text, text: [text]}))
    table = _written("stdout", lambda: output.table(("name", "reason"), [(cleaned, cleaned)]))
    return (
        not obeyed(cleaned)
        and len(cleaned) <= SHOWN
        and not any(map(obeyed, (complaint + dumped + table).split("\n")))
        and len(table.splitlines()) == 2
        and json.loads(dumped)["reason"] == _paired(text)
    )


def _in_message(text: str) -> bool:
    data = text.encode("utf-8", "surrogatepass")
    shown = (escape(data), escape(data[1:]), visible(text), rejected_tags.why(data), escape(data[:-1], 40))
    return not any(map(obeyed, shown))


def _record(
    message: str, *args: object, failure: BaseException | None = None, **extra: Any
) -> logging.LogRecord:
    info = (type(failure), failure, None) if failure else None
    record = logging.LogRecord("registry", logging.WARNING, __file__, 1, message, args, info)
    vars(record).update(extra)
    return record


def _written(stream: str, write: Callable[[], None]) -> str:
    before, written = getattr(sys, stream), io.StringIO()
    setattr(sys, stream, written)
    try:
        write()
    finally:
        setattr(sys, stream, before)
    return written.getvalue()


def _paired(text: str) -> str:
    """The text as JSON has it: two surrogates that make a pair are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _no_json(constant: str) -> None:
    raise ValueError(constant)
