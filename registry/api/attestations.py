"""Attestations: the results of suites, which an environment may require of a version."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends
from pydantic import ConfigDict

from registry.api.docs import suites
from registry.api.docs.shapes import answer
from registry.api.http import problem, refresh
from registry.api.http.dependencies import Attest, IdempotencyKey, Name, Reader, Service
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

    made = await to_thread.run_sync(take, limiter=service.writers)
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
