"""Decide which version a key gets: as it is in force, as it was at a time, or for a version by number."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from promptstage.evaluation import PINNED, decide
from promptstage.model import Decision, Served
from registry.control.rollouts import unservable
from registry.replication.read_model import encode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry.catalog.catalog import Catalog
    from registry.control.history import History
    from registry.control.rollouts import Rollouts
    from registry.replication.read_model import EncodedRelease


class Resolver:
    """Answer for one key, by the function that clients ship; safe to call from any thread."""

    def __init__(self, rollouts: Rollouts, history: History, catalog: Catalog) -> None:
        self._rollouts = rollouts
        self._history = history
        self._catalog = catalog

    def release(self, environment: str, name: str, at: datetime | None = None) -> EncodedRelease:
        """Return the release in force, now or at a time.

        Raises:
            NotFound: there is no such environment, prompt or release.
            Unavailable: it cannot be built, or the journal cannot be read.
        """
        if at is None:
            return self._rollouts.release(environment, name)
        self._rollouts.newest_state(environment, name)
        return encode(self._history.release_at(environment, name, at))

    def pinned(self, environment: str, name: str, version: str) -> tuple[Served, Decision]:
        """Return a version requested by number, whatever is in force.

        Raises:
            NotFound: there is no such environment, prompt or version.
            Invalid: the version's file is (`invalid_version`).
        """
        self._rollouts.newest_state(environment, name)
        found = self._catalog.read(name, version)
        if found.document is None or found.digest is None:
            raise unservable(found)
        served = Served(found.version, found.number, found.digest, found.commit, found.document)
        return served, Decision(found.version, "pinned", PINNED, None, None)


def decide_for(release: EncodedRelease, key: str, attributes: Mapping[str, object]) -> Decision:
    """Decide for one key; without a key, for a random one."""
    return decide(release.release, key or secrets.token_hex(16), attributes)
