"""OFREP 0.3, the protocol of OpenFeature's providers: a prompt is a flag whose value is an object.

Its paths stand at the root, and below an environment, so that a provider's base URL chooses the environment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from registry.api import releases
from registry.api.http.dependencies import Service
from registry.api.http.routes import BoundedRoute
from registry.protocols import ofrep_bulk, ofrep_events, ofrep_flags
from registry.protocols.ofrep_request import BELOW, FLAGS, ROOT, Evaluation, Where, decide
from registry.protocols.protocol import Protocol

if TYPE_CHECKING:
    from starlette.datastructures import Headers

OWNED = re.compile(r"(/v1/environments/[^/]+)?/ofrep/")

router = APIRouter(route_class=BoundedRoute)


@router.post(ROOT + FLAGS + "/{key:path}")
@router.post(BELOW + FLAGS + "/{key:path}")
def evaluate(service: Service, environment: Where, key: str, body: Evaluation) -> Response:
    """Evaluate one flag: decide which version of a prompt a key gets."""
    built = service.resolver.release(environment, key)
    decision = decide(built, body.context)
    before, after = ofrep_flags.around(built, decision)
    value = releases.count_and_encode(service.metrics, built, decision)
    return Response(b"".join((before, value, after)), media_type=releases.JSON)


router.include_router(ofrep_bulk.router)
router.include_router(ofrep_events.router)


def _owns(path: str) -> bool:
    return OWNED.match(path) is not None


def _authorization(headers: Headers) -> str | None:
    key = headers.get("x-api-key")
    return headers.get("authorization") if key is None else f"Bearer {key}"


PROTOCOL = Protocol("ofrep", _owns, _authorization, ofrep_flags.error, router, admit=ofrep_events.admit)
