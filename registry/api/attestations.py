"""Attestations: the results of suites, which an environment may require of a version."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from pydantic import ConfigDict

from registry.api.docs import suites
from registry.api.docs.shapes import answer
from registry.api.http import problem, refresh
from registry.api.http.dependencies import Attest, Environment, IdempotencyKey, Name, Reader, Service
from registry.api.http.routes import ChangingRoute
from registry.api.prompts import UNKNOWN_VERSION, VersionName
from registry.control.tokens import Requester
from registry.suites.attestation import SuiteResult

if TYPE_CHECKING:
    from registry.control.retry import Acknowledged

router = APIRouter(
    route_class=ChangingRoute, prefix="/v1", tags=["suites"], responses=problem.responses(401, 403, 503)
)


class Result(SuiteResult):
    """The result of a suite: with which file, cases and model, and against which version."""

    model_config = ConfigDict(json_schema_extra={"examples": [suites.RESULT]})


async def _key(idempotency_key: IdempotencyKey = None) -> str | None:
    return idempotency_key


@router.post(
    "/attestations",
    status_code=HTTPStatus.CREATED,
    summary="Attest the result of a suite",
    responses={
        **problem.responses(
            *(409, 413, 422),
            codes={409: ("older_format",), 422: ("invalid_request", "invalid", "idempotency_mismatch")},
        ),
        **answer(suites.Attested, "it is in the journal", HTTPStatus.CREATED),
    },
)
async def attest(
    service: Service, token: Attest, body: Result, key: Annotated[str | None, Depends(_key)]
) -> dict[str, Any]:
    """Attest the result of a suite for a digest, which may come before its tag.

    The registry does not run the suite again: it keeps what the token says, with its name and the time. A
    further attestation of the same token, for the same suite and model and against the same version, takes
    the place of the one before; the journal keeps both.
    """
    requester = Requester(token=token, idempotency_key=key)

    def take() -> Acknowledged:
        return service.attestations.attest(SuiteResult(**dict(body)), requester)

    made = await to_thread.run_sync(take, limiter=service.threads.changes)
    attestation = made.entry.change.attestation
    return made.to_json() | {"attestation": attestation and attestation.to_json()}


@router.get(
    "/prompts/{name:path}/versions/{version}/attestations",
    summary="List the attestations of a version",
    responses={**UNKNOWN_VERSION, **answer(suites.Attestations, "those that are kept, newest first")},
)
async def list_attestations(
    service: Service, token: Reader, name: Name, version: VersionName
) -> dict[str, Any]:
    """List the attestations that are kept of a version's digest, newest first."""
    found = await refresh.find(service, token, lambda: service.attestations.of(name, version))
    return {"data": [one.to_json() for one in found]}


@router.get(
    "/environments/{environment}/suites/{name:path}",
    summary="Read how a version stands with the rule of suites",
    responses={
        **problem.responses(
            *(404, 422),
            codes={
                404: ("unknown_prompt", "unknown_version", "unknown_environment"),
                422: ("invalid_request", "invalid_version"),
            },
        ),
        **answer(suites.Standing, "whether its suite lets it in, and why"),
    },
)
async def read_standing(
    service: Service,
    token: Reader,
    environment: Environment,
    name: Name,
    version: Annotated[str, Query(description="a version, or `latest`", examples=["1.3.0"])] = "latest",
) -> dict[str, Any]:
    """Read what a start of a version by this token would be told of its suite, and change nothing.

    Of a version that awaits approval it is what its approval would be told. Where `required` is false it is
    let in whatever the decision is.
    """

    def read() -> dict[str, Any]:
        return service.attestations.standing(environment, name, version, token).to_json()

    return await refresh.find(service, token, read)
