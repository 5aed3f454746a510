"""The line in the log that every acknowledged change gets; the journal holds the rest."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.rollouts.change import Change

logger = logging.getLogger(__name__)


def log(change: Change, seconds: float) -> None:
    """Tell who changed what; a token is named by its id."""
    place = {"environment": change.state.environment, "prompt": change.state.prompt} if change.state else {}
    what = "{prompt} in {environment}: ".format(**place) if place else ""
    logger.info(
        "%s%s %s -> %s by %s (seq %d)",
        *(what, change.op, _shown(change.before), _shown(change.after), change.actor, change.seq),
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


def _shown(end: object) -> str:
    """A version, or a step's share of users."""
    return "-" if end is None else f"{end} %" if isinstance(end, int | float) else str(end)
