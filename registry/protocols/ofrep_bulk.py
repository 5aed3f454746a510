"""All flags of an environment at once, for clients that evaluate before they are asked, such as browsers."""

from __future__ import annotations

import json
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from registry.api.http.dependencies import Reader, Service, Services
from registry.api.http.routes import BoundedRoute
from registry.api.releases import Joined, count_and_encode_in_pieces
from registry.errors import Invalid, RegistryError
from registry.journal.position import is_newer
from registry.protocols import ofrep_flags
from registry.protocols.ofrep_events import stream_for
from registry.protocols.ofrep_request import BELOW, FLAGS, ROOT, Context, Evaluation, Where, decide
from registry.rollouts.position import Position
from registry.system import work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.replication.read_model import EncodedRelease

FORMAT = 1  # of the evaluations; a change of it makes clients take them again

router = APIRouter(route_class=BoundedRoute)


@router.post(ROOT + FLAGS)
@router.post(BELOW + FLAGS)
def evaluate_all(
    service: Service,
    token: Reader,
    environment: Where,
    request: Request,
    body: Evaluation,
    if_none_match: Annotated[str | None, Header()] = None,
    told: Annotated[str, Query(alias="flagConfigEtag")] = "",
) -> Response:
    """Evaluate all prompts that have a release, or answer 304 if the caller has the evaluations."""
    position = _position(service, environment, told)
    stream = stream_for(service, token, request.url.path.removesuffix(FLAGS))
    etag = _etag(FORMAT, environment, position, stream, body.context.targeting_key, body.context.attributes)
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=304, headers={"ETag": etag})
    found = dict(_releases(service, environment))
    flags = [_flag(service, name, built, body.context) for name, built in found.items()]
    end = json.dumps({"eventStreams": [stream], "metadata": {"environment": environment}})
    # What cannot be read now may be read later, with no change in between.
    headers = {} if any(isinstance(built, Exception) for built in found.values()) else {"ETag": etag}
    return Joined(b'{"flags":[', flags, f"],{end[1:]}".encode(), headers)


def _position(service: Services, environment: str, told: str) -> Position:
    """Return the newest change here; one that the caller was told of elsewhere is read first."""
    read_model = service.rollouts.replica.read_model
    position = Position.parse(told)
    if position and is_newer(position, read_model.newest_in(environment)):
        service.rollouts.replica.refresh(time.monotonic())
    return read_model.newest_in(environment)


def _etag(*determining: object) -> str:
    """Return the ETag of evaluations, by all that determines them: they are not made for it."""
    try:
        text = json.dumps(determining, sort_keys=True)
    except RecursionError:
        raise Invalid("the context is nested too deeply", code="invalid_request") from None
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'


def _releases(service: Services, environment: str) -> Iterator[tuple[str, EncodedRelease | Exception]]:
    """Return the release of each prompt that has one, or why it cannot be read."""
    read_model = service.rollouts.replica.read_model
    for state in read_model.states(environment):
        work.check()
        try:
            if built := read_model.release(environment, state.prompt):
                yield state.prompt, built
        except (RegistryError, OSError) as error:
            yield state.prompt, error


def _flag(
    service: Services, name: str, built: EncodedRelease | Exception, context: Context
) -> tuple[bytes, ...]:
    """Evaluate one flag, in pieces that all answers share; or say in one why it fails."""
    if isinstance(built, Exception):
        return (ofrep_flags.failure(name, "GENERAL", str(built)),)
    try:
        decision = decide(built, context)
    except Invalid as error:
        return (ofrep_flags.failure(name, ofrep_flags.BAD_REQUESTS[error.code], error.message),)
    before, after = ofrep_flags.around(built, decision)
    return before, *count_and_encode_in_pieces(service.metrics, built, decision), after
