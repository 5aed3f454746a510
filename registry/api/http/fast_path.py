"""Answer the most frequent requests from memory at once: a release, and a decision for one key.

The framework's overhead for such an answer (routing, validation, a thread, serialisation) is thirty times its
cost, so the server tries here first. Only the usual request, with a valid token, for a release that is
ready, is answered; all else is left to the routes. Both decide and count with the same functions, and a
test compares their answers.

Other systems' protocols have no second way to an answer: what their routes answered is sent again, as long
as nothing has changed (see `registry.api.http.answers`).
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from promptstage.model import EDITION
from registry.access.capabilities import Capability
from registry.api import releases
from registry.api.http.answers import plain_headers
from registry.control.resolve import decide_for
from registry.errors import Invalid, RegistryError
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

    from promptstage.model import Decision
    from registry.access.tokens import Token
    from registry.api.http.answers import Answer
    from registry.api.http.dependencies import Services
    from registry.replication.read_model import EncodedRelease

    Found = tuple[Answer, str, Token]  # and the route's template

STATE = "fast"  # the name of `FastPath.answer` in the state that the app's lifespan shares with its server
ASKERS = 1000  # cached tokens by environment, whose secrets need not be hashed again
DECISIONS = 50_000  # cached decisions, of queries up to so many bytes: 20 MB at most
QUERY_BYTES = 200
QUERIES = 100  # of releases, parsed once; clients send the edition alone
LONG = 2 << 10  # bytes of a query that is parsed here: some 0.1 ms, and at most 150 attributes
EDITIONS = {(): 1, (str(EDITION),): EDITION}  # those that clients read, by what their query says
ENVIRONMENTS = "/v1/environments/"
READ, RESOLVE = (f"{releases.router.prefix}/{kind}/{{name}}" for kind in ("releases", "resolve"))


class FastPath:
    """Answers requests that need no waiting."""

    def __init__(self, services: Services) -> None:
        self._rollouts = services.rollouts
        self._metrics = services.metrics
        self._keyring = services.rollouts.replica.keyring
        self._read_model = services.rollouts.replica.read_model
        self._reader = lru_cache(ASKERS)(self._find_reader)
        self._decisions = Decisions()
        self._answers = services.answers
        self._log = services.access_log

    def answer(self, scope: Scope) -> Answer | None:
        """Answer a request whose body was not read yet; None leaves it to the routes."""
        began = time.perf_counter()
        headers = plain_headers(scope)
        if headers is None or len(scope["query_string"]) > LONG:
            return None
        path: str = scope["path"]
        place = path[len(ENVIRONMENTS) :].split("/", 2) if path.startswith(ENVIRONMENTS) else ()
        is_whole = len(place) == 3  # noqa: PLR2004
        found = self._compute(scope, headers, *place) if is_whole else self._find_kept(scope, headers)
        if found is None:
            return None
        answer, route, token = found
        took = time.perf_counter() - began
        self._metrics.answered("GET", route, answer[0], took)
        if self._log:
            self._log("GET", scope["path"], answer[0], took, token)
        return answer

    def _compute(
        self, scope: Scope, headers: dict[bytes, bytes], environment: str, kind: str, name: str
    ) -> Found | None:
        built = self._read_model.ready(environment, name)
        if built is None:
            return None
        token = self._find_live(headers.get(b"authorization"), environment)
        if token is None:
            return None
        if kind == "releases" and (edition := _edition(scope["query_string"])):
            return _read(built, edition, headers.get(b"if-none-match")), READ, token
        if kind == "resolve" and (decision := self._decisions.find(built, scope["query_string"])):
            return self._resolve(built, decision), RESOLVE, token
        return None

    def _find_kept(self, scope: Scope, headers: dict[bytes, bytes]) -> Found | None:
        question = scope["path"], scope["query_string"], headers.get(b"authorization", b"")
        kept = self._answers.find(question)
        if kept is None:
            return None
        if kept.decided:
            self._metrics.resolved(*kept.decided)
        return kept.answer, kept.route, kept.token

    def _find_live(self, authorization: bytes | None, environment: str) -> Token | None:
        """Return the token if it may read there now, else None: the routes report what is wrong with it."""
        if authorization is None:
            return None
        try:
            token = self._reader(authorization, environment)
        except RegistryError:
            return None
        return token if self._keyring.admits(token, timestamps.now()) else None

    def _find_reader(self, authorization: bytes, environment: str) -> Token:
        """Return the header's token if it may read there; cached, because a token's rights never change."""
        self._rollouts.check_environment(environment)
        token = self._keyring.find(authorization.decode("latin-1"), timestamps.now())
        token.allow(Capability.reader, environment)
        return token

    def _resolve(self, built: EncodedRelease, decision: Decision) -> Answer:
        body = releases.count_and_encode(self._metrics, built, decision)
        head = b"content-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(body)
        return 200, head, body


class ReleaseAnswers(NamedTuple):
    """The two answers with a release: the full one, and 304 for those who have it."""

    etag: str
    whole: Answer
    same: Answer


class Decisions:
    """A cache of decisions by release and query; most keys return, with the same attributes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Decision] = {}  # by release and query string

    def find(self, built: EncodedRelease, query: bytes) -> Decision | None:
        """Return the decision for a query of key and attributes alone; else None."""
        place = built.etag, query
        known = self._known.get(place)
        if known is not None:
            return known
        question = _question(query)
        if question is None:
            return None
        decision = decide_for(built, *question)
        if question[0] and len(query) <= QUERY_BYTES:  # without a key each decision is random
            if len(self._known) >= DECISIONS:
                self._known.clear()  # cheaper than tracking the oldest
            self._known[place] = decision
        return decision


def _read(built: EncodedRelease, edition: int, if_none_match: bytes | None) -> Answer:
    place = READ, edition
    answers: ReleaseAnswers = built.kept.get(place) or built.kept.setdefault(
        place, _answers(built.for_edition(edition))
    )
    is_known = if_none_match is not None and answers.etag in if_none_match.decode("latin-1")
    return answers.same if is_known else answers.whole


def _answers(built: EncodedRelease) -> ReleaseAnswers:
    made = [releases.answer(built, etag) for etag in (None, built.etag)]
    heads = (b"".join(b"%s: %s\r\n" % pair for pair in each.raw_headers) for each in made)
    whole, same = (
        (each.status_code, head + b"\r\n", bytes(each.body)) for each, head in zip(made, heads, strict=True)
    )
    return ReleaseAnswers(built.etag, whole, same)


@lru_cache(QUERIES)
def _edition(query: bytes) -> int | None:
    """Parse the edition in the query of a release; None for any that the routes have to judge."""
    return EDITIONS.get(tuple(v for name, v in _pairs(query.decode("latin-1")) if name == "edition"))


def _question(query: bytes) -> tuple[str, dict[str, list[str]]] | None:
    """Parse a query of a key and attributes alone; None for any other or an invalid one."""
    key, attributes = "", []
    for name, value in _pairs(query.decode("latin-1")):
        if name == "key" and not key:
            key = value
        elif name == "attribute":
            attributes.append(value)
        else:
            return None
    try:
        return key, releases.pairs(attributes)
    except Invalid:
        return None


def _pairs(query: str) -> Sequence[Sequence[str]]:
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    return [
        pair.partition("=")[::2] for pair in query.split("&") if pair
    ]  # as `parse_qsl` does, in a quarter of the time
