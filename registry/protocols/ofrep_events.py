"""The event stream of OFREP: it asks clients to evaluate their flags again when something changed.

A browser's EventSource sends no header, so the address holds a ticket, which opens this stream alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Header, Response

from registry.api.http import refresh
from registry.api.http.dependencies import Reader, Service, Services
from registry.api.http.routes import StreamRoute
from registry.api.stream import EventStream
from registry.protocols.ofrep_request import BELOW, ROOT, Where
from registry.rollouts.position import Position
from registry.streams.notices import KEEP_ALIVE, Notices, notice
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope, Send

    from registry.access.tokens import Token

EVENTS = "/events"
TICKET = "ticket"  # in the query, which no access log of ours has
INACTIVE_SECONDS = 120  # a hidden tab closes its stream then; the protocol's own default

router = APIRouter(route_class=StreamRoute)


class NoticeStream(EventStream):
    """The notices of one environment."""

    def __init__(self, service: Services, subscription: Notices, last: Position | None) -> None:
        super().__init__(service.hub, service.bounds, subscription)
        self._last = last

    async def catch_up(self, send: Send) -> None:
        """Tell a client whose last notice is not the newest, or who has had none: it listens since now."""
        newest = self._hub.read_model.newest_in(self._subscription.environment)
        await send(KEEP_ALIVE if self._last == newest else notice(newest))


@router.get(ROOT + EVENTS, response_class=Response)
@router.get(BELOW + EVENTS, response_class=Response)
async def follow(
    service: Service,
    token: Reader,
    environment: Where,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow the changes of an environment."""
    await refresh.adopt_local(service)
    return NoticeStream(service, Notices(token, environment), Position.parse(last_event_id or ""))


def admit(scope: Scope) -> Callable[[Services], Token] | None:
    """Return what finds the token of a request's ticket; None if it has none."""
    query = parse_qs(scope["query_string"].decode("latin-1")) if scope["path"].endswith(EVENTS) else {}
    if TICKET not in query:
        return None
    (ticket, *_) = query[TICKET]
    return lambda service: service.tickets.find(ticket, service.rollouts.replica.keyring, timestamps.now())


def stream_for(service: Services, token: Token, base: str) -> Mapping[str, Any]:
    """Return what tells a client of the stream; `base` is the path that its own address ends with."""
    ticket = service.tickets.issue(token, timestamps.now())
    return {
        "type": "sse",
        "endpoint": {"requestUri": f"{quote(base)}{EVENTS}?{TICKET}={ticket}"},
        "inactivityDelaySec": INACTIVE_SECONDS,
    }
