"""Keep answers to GETs, to send them again while nothing has changed in the registry.

For endpoints whose answer depends on the path, the query, the token, the journal and the catalog alone.
Such an endpoint calls `keep`; the bytes that it sends are then kept with the moment that they were made at,
and are good until the journal or the catalog moves on, or the token ends.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from registry.system import timestamps

if TYPE_CHECKING:
    from starlette.types import Scope

    from registry.access.tokens import Token
    from registry.catalog.catalog import Catalog
    from registry.replication.replica import Replica
    from registry.rollouts.position import Position

    Answer = tuple[int, bytes, bytes]  # status; encoded headers with the empty line; body
    Question = tuple[str, bytes, bytes]  # path, query, authorization

KEEP = "promptstage.keep"  # in the scope of a request whose answer may be kept: what was decided, or None
MAX_BYTES = 16 << 20  # of kept answers and their questions; then all are dropped
ENTRY_BYTES = 1000  # that an entry takes besides

Decided = tuple[str, str] | None  # environment and reason, to count it each time


class KeptAnswer(NamedTuple):
    """An answer, and what it takes to send it again."""

    moment: Moment
    token: Token
    route: str
    decided: Decided
    answer: Answer


class Moment(NamedTuple):
    """A moment of the registry; what is made at one is the same as long as it lasts."""

    head: Position
    catalog: int


def keep(scope: Scope, decided: Decided = None) -> None:
    """Let the answer to a request be kept; `decided` is counted each time that it is sent."""
    scope[KEEP] = decided


def plain_headers(scope: Scope) -> dict[bytes, bytes] | None:
    """Return the headers of a GET without a body, none of them given twice; None for any other request."""
    headers = dict(scope["headers"])
    has_body = b"content-length" in headers or b"transfer-encoding" in headers
    is_plain = scope["method"] == "GET" and not has_body and len(headers) == len(scope["headers"])
    return headers if is_plain else None


class Answers:
    """The kept answers of this process."""

    def __init__(self, replica: Replica, catalog: Catalog) -> None:
        self._replica = replica
        self._catalog = catalog
        self._kept: dict[Question, KeptAnswer] = {}
        self._bytes = 0
        self._lock = Lock()

    @property
    def moment(self) -> Moment:
        """The present one; read it before an answer is made."""
        return Moment(self._replica.read_model.head, self._catalog.changes)

    def find(self, question: Question) -> KeptAnswer | None:
        """Return the answer to a question if it is still good."""
        kept = self._kept.get(question)
        if kept is None or kept.moment != self.moment:
            return None
        return kept if self._replica.keyring.admits(kept.token, timestamps.now()) else None

    def put(self, question: Question, kept: KeptAnswer) -> None:
        """Keep an answer; the endpoint must have allowed it."""
        size = _size(question, kept)
        with self._lock:
            if self._bytes + size > MAX_BYTES:
                self._kept.clear()
                self._bytes = 0
            before = self._kept.get(question)
            self._bytes += size - (_size(question, before) if before else 0)
            self._kept[question] = kept


def _size(question: Question, kept: KeptAnswer) -> int:
    path, query, authorization = question
    return len(path) + len(query) + len(authorization) + sum(map(len, kept.answer[1:])) + ENTRY_BYTES
