"""Turn answers that are of no use into errors: the reason, and a sentence about it."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from promptstage import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_FOUND = 404
NO_SUCH_PATH = "not_found"  # the code of a 404 that is about the url, not about a prompt
REFUSALS = (401, 403)
BUSY = (429, 503)


class Fault(Exception):
    """The registry gave nothing usable.

    Attributes:
        reason: ``unreachable`` or ``unauthorized``, as PromptUnavailable has it.
        retry_after: seconds that the registry asked to wait, or None.
        of_one_name: the registry is well, and only what it sent of one prompt is of no use.
        status: that it answered with, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "unreachable",
        retry_after: float | None = None,
        of_one_name: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(plain(message))
        self.reason = reason
        self.retry_after = retry_after
        self.of_one_name = of_one_name
        self.status = status


class NoStream(Fault):
    """The registry answers, but an event stream cannot be had from it."""


def fault_of(
    status: int, reason: str, headers: Mapping[str, str], body: bytes, kind: type[Fault] = Fault
) -> Fault:
    """Explain a status that is no answer.

    Args:
        status: of the response.
        reason: the words beside the status.
        headers: of the response.
        body: a problem, if it is the registry's.
        kind: what to make of those that say nothing else.
    """
    said = f"{status} {problem(body).get('detail') or reason}".strip()
    if status in REFUSALS:
        return Fault(said, reason="unauthorized", status=status)
    if status in BUSY:
        return Fault(f"the registry is busy: {said}", retry_after=_retry_after(headers), status=status)
    if status == NOT_FOUND and problem(body).get("code", NO_SUCH_PATH) == NO_SUCH_PATH:
        return kind(f"{said}: no registry has that url; it is what comes before /v1", status=status)
    return kind(said, status=status)


def plain(text: str) -> str:
    """A text from outside on one line, as a log can have it: without control characters, and not too long."""
    return "".join(c if c.isprintable() else " " for c in text[: limits.TEXT_CHARACTERS])


def no_thread(error: RuntimeError) -> str:
    """The error for a thread that could not start: the limit is reached, or a subinterpreter allows none."""
    return (
        f"no thread could be started ({error}): raise the limit of threads or processes; "
        "in an isolated subinterpreter no client works, make it in the main interpreter"
    )


def problem(body: bytes) -> dict[str, str]:
    """The texts of an application/problem+json body; empty if it is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, if the registry asked for some; of a date those from the answer's own to it.

    Not those from the time here: the clocks need not agree.
    """
    header = headers.get("Retry-After", "").strip()
    if header.isascii() and header.isdecimal():
        return min(float(header), limits.RETRY_AFTER_CAP)
    try:
        wait = parsedate_to_datetime(header) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # none, or one of them without a zone
        return None
    return min(max(0.0, wait.total_seconds()), limits.RETRY_AFTER_CAP)
