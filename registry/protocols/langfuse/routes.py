"""Langfuse's endpoints for reading prompts: a label is an environment, a version is an integer."""

from __future__ import annotations

import json
import re
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from registry.api.http.answers import keep
from registry.api.http.dependencies import Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.catalog.naming import LATEST, of_number
from registry.errors import Invalid, NotFound
from registry.protocols.gateway import AUTHORIZATION
from registry.protocols.langfuse import access, prompts, writes
from registry.protocols.langfuse.access import ROOT
from registry.protocols.langfuse.labels import labels_of
from registry.protocols.langfuse.listing import Filters, list_prompts
from registry.protocols.protocol import Protocol, bearer
from registry.protocols.resolving import environment_for, pinned, resolve

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services
    from registry.protocols.resolving import Resolved

HEALTH = f"{ROOT}/health"
PRODUCTION = "production"  # the label of a request that names none
INTEGER = re.compile(r"-?[0-9]+")
MAX_DIGITS = 10  # a version's number has nine at most

router = APIRouter(route_class=BoundedRoute)
open_router = APIRouter()


class Question(BaseModel):
    """Which version of a prompt; the rest of the query means nothing here."""

    version: str = ""
    label: str = ""


@open_router.get(HEALTH)
async def health() -> dict[str, str]:
    """Say that the process answers; Langfuse's clients ask for no more."""
    return {"status": "OK", "version": installed("promptstage-registry")}


@router.get(f"{ROOT}/projects")
def projects(token: Reader) -> dict[str, Any]:
    """Name the one project there is: to a client it means that its keys are good."""
    organization = {"id": "promptstage", "name": "Promptstage"}
    return {"data": [{"id": token.id, "name": token.name, "organization": organization, "metadata": {}}]}


@router.get(f"{ROOT}/v2/prompts")
def get_prompts(
    request: Request, service: Service, token: Reader, filters: Annotated[Filters, Query()]
) -> Response:
    """List prompts, with the labels that this caller may see."""
    found = list_prompts(service, token, filters)
    keep(request.scope)
    return _json(found)


@router.get(f"{ROOT}/v2/prompts/{{name:path}}")
def get_prompt(
    request: Request, service: Service, token: Reader, name: str, question: Annotated[Question, Query()]
) -> Response:
    """Read a version by its integer, or the one that a label has for this caller."""
    version, label = question.version, question.label
    if version and label:
        raise Invalid("version and label exclude each other; send one of them")
    if version:
        environment, found = _pinned(service, token, name, _version(name, version))
    elif label == LATEST:
        environment, found = _pinned(service, token, name, LATEST)
    else:
        environment = environment_for(service, token, label or _default_label(token))
        found = resolve(service, environment, name, **_caller(request, token))
    labels = labels_of(service, token, name, found.served.version)
    written = prompts.write(found, environment, labels)
    keep(request.scope, (environment, found.decision.reason))
    return _json(written)


def _json(content: dict[str, Any]) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "backslashreplace"), media_type="application/json")


def _default_label(token: Token) -> str:
    """Return the label of a request that names none: a token of one environment can mean no other."""
    return token.environments[0] if len(token.environments) == 1 else PRODUCTION


def _caller(request: Request, token: Token) -> dict[str, Any]:
    """Return the key and attributes of a caller: the protocol names no user, so a key pair stands for one.

    A random key at each request would move an app between versions whenever its cache expires.
    """
    given = access.credentials(request.scope[AUTHORIZATION])
    public_key = given.public_key if given else ""
    return {"key": public_key or token.id, "attributes": {"public_key": public_key} if public_key else {}}


def _pinned(service: Services, token: Token, name: str, version: str) -> tuple[str, Resolved]:
    """Return a version that no environment chooses, and the environment that it is counted in."""
    environment = next(iter(token.environments or service.rollouts.environments))
    return environment, pinned(service, environment, name, version)


def _version(name: str, number: str) -> str:
    if not INTEGER.fullmatch(number):
        raise Invalid(
            "version: write an integer, major * 1000000 + minor * 1000 + patch: 1002000 is version 1.2.0"
        )
    version = of_number(int(number)) if len(number) <= MAX_DIGITS else None
    if version is None:
        raise NotFound(
            f"no version of {name} has the integer {number[:MAX_DIGITS]}; 1002000 is version 1.2.0",
            code="unknown_version",
        )
    return version


def _authorization(headers: Headers) -> str | None:
    given = access.credentials(headers.get("authorization", ""))
    return f"Bearer {given.secret_key}" if given else bearer(headers)


router.include_router(open_router)
router.include_router(writes.router)
PROTOCOL = Protocol("langfuse", access.owns, _authorization, access.error, router, frozenset((HEALTH,)))
