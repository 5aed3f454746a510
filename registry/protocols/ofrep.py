"""OFREP 0.3, the protocol of OpenFeature's providers: a prompt is a flag whose value is an object.

Its paths stand at the root, and below an environment, so that a provider's base URL chooses the environment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

from promptstage.evaluation import SPLIT
from registry.api import releases
from registry.api.http.dependencies import Reader, Service, Services, services_of
from registry.api.http.routes import BoundedRoute
from registry.control.resolve import decide_for
from registry.errors import Invalid
from registry.protocols import ofrep_flags
from registry.protocols.protocol import Protocol
from registry.protocols.resolving import environment_for

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from promptstage.model import Decision
    from registry.replication.read_model import EncodedRelease

ROOT = "/ofrep/v1"
BELOW = "/v1/environments/{environment}" + ROOT
OWNED = re.compile(r"(/v1/environments/[^/]+)?/ofrep/")
FLAGS = "/evaluate/flags"

router = APIRouter(route_class=BoundedRoute)


class Context(BaseModel):
    """The context of an evaluation: a key, and attributes for audiences."""

    model_config = ConfigDict(extra="allow")

    targeting_key: Annotated[StrictStr | None, Field(alias="targetingKey")] = None

    @model_validator(mode="after")
    def _has_few_values(self) -> Context:
        releases.few_values(self.attributes)
        return self

    @property
    def attributes(self) -> dict[str, Any]:
        """What audiences are compared with."""
        return self.model_extra or {}


class Evaluation(BaseModel):
    """The body of a request; providers without a context leave it out."""

    context: Context = Field(default_factory=Context)


async def _environment(request: Request, token: Reader) -> str:
    return environment_for(services_of(request), token, request.path_params.get("environment"))


Where = Annotated[str, Depends(_environment)]


@router.post(ROOT + FLAGS + "/{key:path}")
@router.post(BELOW + FLAGS + "/{key:path}")
def evaluate(service: Service, environment: Where, key: str, body: Evaluation) -> Response:
    """Evaluate one flag: decide which version of a prompt a key gets."""
    built = service.resolver.release(environment, key)
    decision = _decide(built, body.context)
    return Response(b"".join(_evaluation(service, built, decision)), media_type="application/json")


def _decide(built: EncodedRelease, context: Context) -> Decision:
    """Decide for a context.

    Raises:
        Invalid: the decision depends on the key, and there is none (`targeting_key_missing`). A random one,
            as our own API takes it, would move a user between versions, and the caller could not tell.
    """
    decision = decide_for(built, context.targeting_key or "", context.attributes)
    if decision.reason == SPLIT and not context.targeting_key:
        raise Invalid(
            f"{built.release.prompt} is being rolled out, so the context needs a targetingKey: what is to "
            "stay on one version, such as the id of a user",
            code="targeting_key_missing",
        )
    return decision


def _evaluation(service: Services, built: EncodedRelease, decision: Decision) -> tuple[bytes, bytes, bytes]:
    before, after = ofrep_flags.around(built, decision)
    return before, releases.count_and_encode(service.metrics, built, decision), after


def _owns(path: str) -> bool:
    return OWNED.match(path) is not None


def _authorization(headers: Headers) -> str | None:
    key = headers.get("x-api-key")
    return f"Bearer {key}" if key else headers.get("authorization")


PROTOCOL = Protocol("ofrep", _owns, _authorization, ofrep_flags.error, router)
