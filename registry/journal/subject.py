"""The subject of a change's commit, for people who read the journal with git. Never parsed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from registry.journal.change import ASKING
from registry.system.text import SHOWN, visible

if TYPE_CHECKING:
    from registry.journal.change import Change

_PLAIN = re.compile(r"[\w.@+-]+")


def subject(change: Change) -> str:
    """The subject of a change: ``promote summarize 1.3.0 in production by ada``."""
    return " ".join(filter(None, (*_what(change), "by", _name(change.actor))))


def _what(change: Change) -> tuple[str, ...]:
    if change.token:
        return (change.op, _name(change.token.name), f"({change.token.id})")
    if change.state is None:
        return (change.op,)
    asked = change.op.startswith(ASKING)
    op = f"ask to {change.op.removeprefix(ASKING)}" if asked else change.op
    return (op, change.state.prompt, *_end(change.after), "in", change.state.environment)


def _end(after: str | float | None) -> tuple[str, ...]:
    if after is None:
        return ()
    return (after,) if isinstance(after, str) else ("to", f"{after:g}%")


def _name(name: str) -> str:
    """A token's name; in quotes if it could be taken for more of the sentence."""
    shown = visible(name)[:SHOWN]
    return shown if _PLAIN.fullmatch(shown) else json.dumps(shown, ensure_ascii=False)
