"""Recover access when no admin token is left, for an operator of the journal's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.access import admin_token
from registry.control.retry import TRIES
from registry.errors import Unavailable
from registry.journal import change as at
from registry.journal.journal import InDoubt
from registry.system import timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.access.tokens import Token
    from registry.journal.journal import Journal
    from registry.journal.reader import Entry

REASON = "promptstage token recover"


def recover(journal: Journal, file: Path) -> tuple[Token, bool]:
    """Ensure that the file has the secret of a permanent admin token; return it, and whether it is new.

    Raises:
        Unavailable: the journal cannot be read or written, or other registries keep writing (`busy`).
    """
    tried: list[InDoubt] = []
    for _ in range(TRIES):
        try:
            with journal.lock() as lock:
                journal.refresh(lock)
                tokens, now = journal.tokens(), timestamps.now()
                if token := admin_token.held(tokens, file, now):
                    return token, bool(tried)
                if tried and tried[-1].refusal:
                    raise tried[-1].refusal
                token = admin_token.replace(tokens, file, now)
                _write(journal, lock, journal.head(), token)
                return token, True
        except InDoubt as unsettled:  # the next fetch shows whether it was taken
            tried.append(unsettled)
    raise Unavailable("other registries keep writing; try again", code="busy")


def _write(journal: Journal, lock: int, head: Entry, token: Token) -> None:
    change = head.change.following(
        at=timestamps.now(),
        actor=admin_token.OPERATOR,
        op="token.create",
        after=token.id,
        reason=REASON,
        token=token,
    )
    journal.write(lock, head.commit, change, {at.token_path(token.id): token.model_dump_json().encode()})
