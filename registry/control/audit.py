"""Log one line for every acknowledged change, which the journal has in detail; and for who reads content."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.journal.change import Change

logger = logging.getLogger(__name__)


def log(change: Change, seconds: float) -> None:
    """Log a change and its actor; a token is named by its id."""
    state = change.state
    place = {"environment": state.environment} if state else {}
    place |= {"prompt": change.prompt} if change.prompt else {}
    logger.info(
        "%s, by %s (seq %d)",
        *(_sentence(change), change.actor, change.seq),
        extra={
            "event": "change",
            "op": change.op,
            **place,
            "from": change.before,
            "to": change.after,
            "actor": change.actor,
            "seq": change.seq,
            "took_ms": round(seconds * 1000, 1),
        },
    )


def log_reading(actor: str, environment: str, call: str) -> None:
    """Log that somebody read what a user wrote and a model answered."""
    logger.info(
        "The content of call %s in %s was read by %s",
        *(call, environment, actor),
        extra={"event": "content.read", "environment": environment, "call": call, "actor": actor},
    )


def _sentence(change: Change) -> str:
    if done := change.attestation:
        return f"attest {done.prompt} {change.after}, {done.passed} of {done.cases} cases ({done.digest})"
    if change.state is None:
        return f"{change.op} {change.after or change.before or ''}".rstrip()
    ends = f"{_shown(change.before)} -> {_shown(change.after)}"
    return f"{change.state.prompt} in {change.state.environment}: {change.op} {ends}"


def _shown(end: object) -> str:
    """Format a version, or a step's share of users."""
    return "-" if end is None else f"{end} %" if isinstance(end, int | float) else str(end)
