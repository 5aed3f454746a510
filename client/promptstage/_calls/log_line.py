"""The one log line of a call, on the logger ``promptstage.calls``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptstage._calls.record import Json, Record

CANCELLED = "cancelled"
BILLIONTHS = 9  # decimals of a cost, as the registry keeps it; a short call may cost below $0.000001
_logger = logging.getLogger("promptstage.calls")


def write(record: Record, content: Json | None) -> None:
    """Write the line of a call that has ended, with its fields as attributes.

    It is stamped with the call's own prompt, wherever it is written.

    Args:
        record: the call.
        content: what of it the log may have.
    """
    fields = record.fields
    level = logging.WARNING if fields["error"] else logging.INFO
    if not _logger.isEnabledFor(level):
        return
    line = _logger.makeRecord(_logger.name, level, __file__, 0, in_words(fields), (), None, "write")
    record.stamp.mark(line)
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
    given, said = fields["input_tokens"], fields["output_tokens"]
    if given is not None or said is not None:
        words.append(f"{'?' if given is None else given}+{'?' if said is None else said} tokens")
    if fields["cost_usd"] is not None:
        words.append(f"${fields['cost_usd']:.{BILLIONTHS}f}".rstrip("0").rstrip("."))
    if fields["error"]:
        words.append(fields["error"])
    elif fields["finish_reason"] == CANCELLED:
        words.append(CANCELLED)
    return " ".join(words)
