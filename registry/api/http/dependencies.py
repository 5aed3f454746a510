"""The endpoints' dependencies: services, rights, and common parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Header, Request
from fastapi import Path as InPath
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, BeforeValidator, Field

from registry.access.capabilities import Capability
from registry.access.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from registry.access.tickets import Tickets
    from registry.api.http.access_log import Write
    from registry.api.http.answers import Answers
    from registry.api.http.bounds import Bounds
    from registry.api.http.rate import Rate
    from registry.api.http.threads import Threads
    from registry.catalog.catalog import Catalog
    from registry.catalog.sync import Sync
    from registry.console.session import Sessions
    from registry.control.attestations import Attestations
    from registry.control.history import History
    from registry.control.resolve import Resolver
    from registry.control.rollouts import Rollouts
    from registry.control.rubrics import Rubrics
    from registry.control.tokens import Tokens
    from registry.evidence.report import Evidence
    from registry.metrics.metrics import Metrics
    from registry.notify.post import Targets
    from registry.notify.spending_watch import SpendingWatch
    from registry.outcomes.outcomes import Outcomes
    from registry.policies.rule_set import Protocols
    from registry.replication.mirror_worker import MirrorWorker
    from registry.review.desk import ReviewDesk
    from registry.review.judges import Judges
    from registry.streams.hub import Hub
    from registry.streams.presence import Presence

MAX_BODY_BYTES = 1024 * 1024  # the longest command, an audience of thousands, is some 100 KB
DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
MAX_REASON = 2000  # characters, which the journal keeps for ever
MAX_KEY = 200  # of an Idempotency-Key; a UUID has 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The running service: built by the app, used by its endpoints.

    Attributes:
        answers: what may be sent again while nothing changes.
        bounds: limits each token's use of the process.
        access_log: logs each answer, if configured.
        targets: of notifications, by name.
        rate: how many records a token may still send.
        public_url: the address at which people reach the registry; empty if it is not known.
    """

    catalog: Catalog
    sync: Sync
    rollouts: Rollouts
    resolver: Resolver
    history: History
    hub: Hub
    presence: Presence
    metrics: Metrics
    tokens: Tokens
    attestations: Attestations
    mirroring: MirrorWorker
    outcomes: Outcomes
    evidence: Evidence
    review: ReviewDesk
    judges: Judges
    rubrics: Rubrics
    spending: SpendingWatch
    answers: Answers
    targets: Targets
    bounds: Bounds
    rate: Rate
    threads: Threads
    sessions: Sessions
    tickets: Tickets
    protocols: Protocols
    public_url: str
    webhook_secret_file: Path | None
    access_log: Write | None


def services_of(request: Request) -> Services:
    """Return the services of a request's app."""
    services: Services = request.app.state.services
    return services


# For the documentation alone, so that /docs can send a token; `needs` checks its rights.
_BEARER = HTTPBearer(auto_error=False, description="`ps_...`; the one in `<data>/admin.token` is an admin's.")


def needs(capability: Capability) -> Callable[..., Coroutine[None, None, Token]]:
    """Return a dependency that requires a capability, in the environment of the path if there is one."""

    async def check(request: Request, _: Annotated[object, Depends(_BEARER)]) -> Token:
        token: Token = request.state.token  # set by `Authentication`
        token.allow(capability, request.path_params.get("environment"))
        return token

    return check


async def _services(request: Request) -> Services:
    return services_of(request)


def _with_a_date(value: object) -> object:
    """Require a value in the form of RFC 3339; pydantic would take a number for seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and not DATE.match(value)):
        raise ValueError("write a time with its zone, such as 2026-05-04T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_with_a_date)]
Environment = Annotated[str, InPath(description="where versions are served", examples=["production"])]
Name = Annotated[
    str, InPath(description="a prompt's name; it may hold `/`, raw or as `%2F`", examples=["summarize"])
]
Edition = Annotated[int, Field(ge=1, description="the newest edition of documents that the client reads")]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=MAX_KEY, description="lets a repeated request change nothing more"),
]
Service = Annotated[Services, Depends(_services)]
Reader = Annotated[Token, Depends(needs(Capability.reader))]
App = Annotated[Token, Depends(needs(Capability.app))]
Judge = Annotated[Token, Depends(needs(Capability.judge))]
Attest = Annotated[Token, Depends(needs(Capability.attest))]
Review = Annotated[Token, Depends(needs(Capability.review))]
Releaser = Annotated[Token, Depends(needs(Capability.releaser))]
Admin = Annotated[Token, Depends(needs(Capability.admin))]
