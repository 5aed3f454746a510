"""Create a journal in an empty data folder, with one admin token."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint, read_secret, write_secret
from registry.errors import Unavailable
from registry.journal import change as at
from registry.journal.journal import InDoubt
from registry.journal.position import next_epoch
from registry.system import failpoints, timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.journal.journal import Journal
    from registry.replication.redis_store import RedisStore

logger = logging.getLogger(__name__)


def bootstrap(journal: Journal, redis_store: RedisStore, token_file: Path) -> bool:
    """Create a journal if there is none; return whether it is new.

    The secret of its token is written to `token_file` before the journal, so that no crash can leave a
    journal without a usable token.

    Raises:
        Unavailable: it cannot be created; nothing of it is left, so it can be tried again.
    """
    with journal.lock() as lock:
        return not journal.exists() and _create(journal, redis_store, lock, token_file)


def _create(journal: Journal, redis_store: RedisStore, lock: int, token_file: Path) -> bool:
    if journal.join(lock):
        return False
    try:
        journal.check_empty()
    except Unavailable as error:
        logger.error("%s", error.message)  # noqa: TRY400 - reads go on, and every write reports it
        return False
    # An existing file is from an interrupted start, or from an operator who chose the token.
    chosen = read_secret(token_file)
    token, secret = mint(TokenSpec(name="admin", capabilities=(Capability.admin,)), secret=chosen)
    write_secret(token_file, secret)
    failpoints.reach(failpoints.ADMIN_WRITTEN)
    record = {at.token_path(token.id): token.model_dump_json().encode()}
    try:
        journal.create(lock, _new_epoch(redis_store), record)
    except InDoubt as unsettled:
        return _is_ours(journal, lock, unsettled, token_file if chosen is None else None)
    return True


def _is_ours(journal: Journal, lock: int, unsettled: InDoubt, minted: Path | None) -> bool:
    """Return whether the shared journal was created here; if not, our token is not valid there."""
    if not journal.join(lock):
        raise unsettled.refusal or Unavailable("the journal could not be created; try again", code="busy")
    ours = journal.load().commits[0] == unsettled.entry.commit
    if minted and not ours:
        minted.unlink(missing_ok=True)
    return ours


def _new_epoch(redis_store: RedisStore) -> int:
    """Return an epoch that replaces the one in Redis of an earlier journal."""
    now = timestamps.now()
    try:
        return next_epoch(redis_store.head()[0], max(now, redis_store.time()))
    except Unavailable:
        return next_epoch(0, now)
