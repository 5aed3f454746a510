"""The stream of a client's releases, as server-sent events.

A client sends its names with their positions. It gets newer releases, a heartbeat that confirms the rest, and
then whole releases as they change.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.api.docs import examples
from registry.api.http import problem, refresh
from registry.api.http.bounds import WORK, Bounds, Lane
from registry.api.http.dependencies import Edition, Environment, Reader, Service, Services
from registry.api.http.routes import StreamRoute
from registry.catalog.naming import is_name
from registry.errors import Invalid, RegistryError, Unavailable
from registry.journal.position import is_newer
from registry.rollouts.position import Position
from registry.streams import hub
from registry.streams.counts import NOTHING
from registry.streams.hub import Hub, Subscription
from registry.system import work
from registry.system.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

    from registry.access.tokens import Token
    from registry.replication.read_model import EncodedRelease

router = APIRouter(
    route_class=StreamRoute,
    prefix="/v1/environments/{environment}",
    tags=["releases"],
    responses=problem.responses(401, 403, 404, 422),
)

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`release` events with whole releases, and a `heartbeat` every 5 s with the head",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": examples.STREAM}},
    }
}
MAX_NAMES = 10_000  # per client
STILL_NEEDED = {"type", "method", "scheme", "server", "path", "query_string", "headers", WORK}
LATER = "promptstage.stream"  # in a scope: the place to leave a stream for `Measured` to send
READ_AT_ONCE = 100  # releases read before they are sent: clients give up after 12 s of silence
SHORT = 2 << 10  # bytes of a request whose names are parsed on the event loop: some 0.1 ms
SHOWN = 50  # characters of a bad position in the answer


class EventStream(Response):
    """The events of one subscription, sent as they come."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, bounds: Bounds, subscription: Subscription) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._bounds = bounds
        self._subscription = subscription
        self._work = work.current.get() or Work()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave the stream to `Measured`, or send it here."""
        if LATER in scope:
            scope[LATER] = self
        else:
            await self.follow(receive, send)

    async def follow(self, receive: Receive, send: Send) -> None:
        """Send what the client lacks, then let the hub send changes until either side ends."""
        subscription = self._subscription
        self._hub.add(subscription)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self.catch_up(send)
            subscription.send = send
            self._hub.write(subscription)
            while (await receive())["type"] != "http.disconnect":
                pass
        except Unavailable:  # the client disconnected, or the registry stops
            await send(hub.END)
        finally:
            self._hub.remove(subscription)

    async def catch_up(self, send: Send) -> None:
        """Send what the client lacks."""
        subscription = self._subscription
        head = self._hub.read_model.head  # read before the releases: it must not confirm later ones
        names = iter([*subscription.held, *subscription.awaited])
        while found := await self._read(names):
            for built in found:
                await self._hub.send(subscription, built, send)
        await send(hub.heartbeat(head))

    async def _read(self, names: Iterator[str]) -> list[EncodedRelease]:
        """Return the next releases that the client lacks; in a thread, as one may come from git."""
        async with self._bounds.turn(self._subscription.token, Lane.STREAM, self._work):
            return await to_thread.run_sync(lambda: list(islice(self._newer(names), READ_AT_ONCE)))

    def _newer(self, names: Iterable[str]) -> Iterator[EncodedRelease]:
        held = self._subscription.held
        for built in map(self._release, names):
            work.check()
            if built and is_newer(built.position, held.get(built.release.prompt, NOTHING)):
                yield built

    def _release(self, name: str) -> EncodedRelease | None:
        try:
            return self._hub.read_model.release(self._subscription.environment, name)
        except (
            RegistryError,
            OSError,
        ):  # logged already; the client's other names must still get their releases
            return None


def forget(scope: Scope) -> None:
    """Drop a stream's request data that is no longer needed; a log may still use the path."""
    kept = {key: scope[key] for key in STILL_NEEDED if key in scope}
    kept["headers"].clear()
    scope.clear()  # deleting keys one by one would keep their memory
    scope.update(kept)


class Positions(BaseModel):
    """A client's names, each with the ``<epoch>.<seq>`` that it holds, or null."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.POSITIONS]})

    names: dict[str, str | None] = Field(max_length=MAX_NAMES)
    edition: Edition = 1


@router.get("/stream", summary="Follow releases", response_class=Response, responses=EVENTS)
async def stream(
    service: Service,
    token: Reader,
    environment: Environment,
    names: Annotated[str, Query(description="`a@<epoch>.<seq>,b`", examples=["summarize,support/triage"])],
    edition: Annotated[Edition, Query()] = 1,
) -> Response:
    """Follow releases: those newer than the client's, then every change as it happens."""

    def split() -> dict[str, str | None]:
        pairs = (entry.partition("@") for entry in names.split(",") if entry)
        return {name: position or None for name, _, position in pairs}

    await refresh.adopt_local(service)
    if len(names) <= SHORT:
        return _stream(service, token, environment, split(), edition)
    return await to_thread.run_sync(lambda: _stream(service, token, environment, split(), edition))


@router.post(
    "/stream",
    summary="Follow many releases",
    response_class=Response,
    responses={**EVENTS, **problem.responses(413)},
)
def stream_positions(service: Service, token: Reader, environment: Environment, body: Positions) -> Response:
    """Follow releases, with more names than fit into a URL."""
    service.rollouts.replica.adopt_local()
    return _stream(service, token, environment, body.names, body.edition)


def _stream(
    service: Services, token: Token, environment: str, names: Mapping[str, str | None], edition: int
) -> EventStream:
    service.rollouts.check_environment(environment)
    if len(names) > MAX_NAMES:
        raise Invalid(f"names: at most {MAX_NAMES} in one stream")
    held: dict[str, Position] = {}
    awaited = []
    # An invalid name will never have a release: it is neither followed nor counted.
    for name, text in ((name, text) for name, text in names.items() if is_name(name)):
        work.check()
        position = _position(name, text)
        if state := service.rollouts.replica.read_model.state(environment, name):
            held[state.prompt] = position  # share the text between thousands of streams
        elif name in service.catalog:
            held[name] = position
        else:
            awaited.append(name)
    service.hub.check_room(token, len(awaited))
    subscription = Subscription(token, environment, held, awaited, edition)
    return EventStream(service.hub, service.bounds, subscription)


def _position(name: str, text: str | None) -> Position:
    if text is None:
        return NOTHING
    found = Position.parse(text)
    if found is None:
        raise Invalid(f"names.{name}: a position is <epoch>.<seq>, not {text[:SHOWN]!r}")
    return found
