"""The one log line of a call, on the logger ``promptstage.calls``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from promptstage._calls.record import facts

if TYPE_CHECKING:
    from promptstage._calls.record import Json, Record

CANCELLED = "cancelled"
_logger = logging.getLogger("promptstage.calls")


def write(record: Record, content: Json | None) -> None:
    """Write the line of a call that has ended, with its fields as attributes.

    It is stamped with the call's own prompt, wherever it is written.

    Args:
        record: the call.
        content: what of it the log may have.
    """
    level = logging.WARNING if record.error else logging.INFO
    if not _logger.isEnabledFor(level):
        return
    fields = facts(record)
    line = _logger.makeRecord(_logger.name, level, __file__, 0, in_words(fields), (), None, "write")
    record.prompt.stamp.mark(line)
    line.__dict__.update(fields)
    if content:
        line.__dict__.update(content)
    _logger.handle(line)


def in_words(fields: Json) -> str:
    """Say how a call went: ``summarize@1.3.0 canary gpt-5-mini 812 ms 1204+88 tokens $0.0012``."""
    words = [f"{fields['prompt']}@{fields['version']} {fields['arm']}"]
    if model := fields["response_model"] or fields["model"]:
        words.append(model)
    words.append(f"{fields['duration_ms']:.0f} ms")
    if fields["ttft_ms"] is not None:
        words.append(f"(first token {fields['ttft_ms']:.0f} ms)")
    if fields["input_tokens"] is not None or fields["output_tokens"] is not None:
        words.append(f"{_count(fields['input_tokens'])}+{_count(fields['output_tokens'])} tokens")
    if fields["cost_usd"] is not None:
        words.append(f"${fields['cost_usd']:.6f}".rstrip("0").rstrip("."))
    if fields["error"]:
        words.append(fields["error"])
    elif fields["finish_reason"] == CANCELLED:
        words.append(CANCELLED)
    return " ".join(words)


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)
