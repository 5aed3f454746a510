"""Tokens. Managing them takes an admin's token that is not limited to environments."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it
from typing import Annotated, Any, Self

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from registry.access.capabilities import MEANINGS, Capability
from registry.access.tokens import MAX_NAME, TokenSpec, check_name
from registry.api.http import problem
from registry.api.http.dependencies import MAX_REASON, Admin, IdempotencyKey, Moment, Service
from registry.api.http.routes import ChangingRoute
from registry.control.tokens import Requester
from registry.rollouts.action import digest
from registry.rollouts.schedule import parse_hold
from registry.system import timestamps

router = APIRouter(
    route_class=ChangingRoute, prefix="/v1/tokens", tags=["tokens"], responses=problem.responses(401, 403)
)
CREATING = problem.responses(
    *(409, 413, 422, 503),
    codes={
        409: ("name_taken", "already_created"),
        422: ("invalid_request", "invalid", "unknown_environment", "idempotency_mismatch"),
    },
)
REVOKING = problem.responses(
    *(404, 409, 422, 503),
    codes={
        404: ("unknown_token",),
        409: ("last_admin",),
        422: ("invalid_request", "idempotency_mismatch"),
    },
)

MAX_ENVIRONMENTS = 100

EXAMPLE: dict[str, Any] = {
    "id": "3f9a0c11d2e4",
    "name": "checkout-service",
    "role": "reader",
    "capabilities": ["app"],
    "environments": ["production"],
    "created_at": "2026-05-04T09:30:00Z",
    "created_by": "admin",
    "expires_at": "2026-08-02T09:30:00Z",
}
CHANGE: dict[str, Any] = {"epoch": 1795600000, "seq": 42, "commit": "9c1d…", "applied": True}


def _meanings() -> str:
    return "; ".join(f"`{one}`: {MEANINGS[one]}" for one in Capability)


def _check_time(text: str) -> str:
    try:
        parse_hold(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write 90d, 12h, 30m or 60s") from None
    return text


class NewToken(BaseModel):
    """A new token's properties. Without `environments` it is for all; without a time it never expires."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "checkout-service",
                    "capabilities": ["app"],
                    "environments": ["production"],
                    "expires_in": "90d",
                }
            ]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(check_name)]
    role: Annotated[Capability | None, Field(description="a single capability")] = None
    capabilities: Annotated[
        list[Capability] | None,
        Field(min_length=1, max_length=len(Capability), description="what it may do: " + _meanings()),
    ] = None
    environments: list[Annotated[str, Field(max_length=MAX_NAME)]] | None = Field(
        default=None, min_length=1, max_length=MAX_ENVIRONMENTS
    )
    expires_in: Annotated[
        Annotated[str, AfterValidator(_check_time)] | None, Field(description="such as 90d or 12h")
    ] = None
    expires_at: Moment | None = None
    reason: str = Field(default="", max_length=MAX_REASON)

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.expires_in is not None and self.expires_at is not None:
            raise ValueError("give expires_in or expires_at, not both")
        return self

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if (self.role is None) == (self.capabilities is None):
            raise ValueError("give role or capabilities: one of both")
        return self

    def given(self) -> tuple[Capability, ...]:
        """Return what it may do."""
        return tuple(self.capabilities or filter(None, [self.role]))

    def same(self) -> str:
        """Return a hash of the request, which is that of an older registry for what that one knew."""
        unused = {"capabilities"} if self.capabilities is None else {"role"}
        return digest([self.model_dump(mode="json", exclude=unused)])

    def end(self) -> datetime | None:
        """Return when it expires."""
        return timestamps.now() + parse_hold(self.expires_in) if self.expires_in else self.expires_at


def _example(description: str, value: object) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": value}}}


async def _key(idempotency_key: IdempotencyKey = None) -> str | None:
    return idempotency_key


Key = Annotated[str | None, Depends(_key)]


@router.get("", summary="List tokens", responses={200: _example("without secrets", {"data": [EXAMPLE]})})
def list_tokens(service: Service, _: Admin) -> dict[str, Any]:
    """List the tokens that were not revoked, oldest first, including expired ones.

    `capabilities` are what it was given; each implies `reader`, and `admin` all of them but `review`. `role`
    is the highest of admin, releaser and reader among them. `environments` is null if a token is for all of
    them, `expires_at` if it never expires.
    """
    return {"data": [token.to_json() for token in service.tokens.list()]}


@router.post(
    "",
    status_code=201,
    summary="Create a token",
    responses={**CREATING, 201: _example("the secret, once", {**EXAMPLE, "secret": "ps_kZ3n…", **CHANGE})},
)
async def create_token(service: Service, admin: Admin, body: NewToken, key: Key) -> dict[str, Any]:
    """Create a token. Its `secret` is in this answer only: the registry stores only its digest.

    A name is in use only once at a time (409 `name_taken`), so that it identifies the actor in the history.
    A repeated request with an Idempotency-Key is answered 409 `already_created` with the `id`.
    """
    spec = TokenSpec(
        name=body.name,
        capabilities=body.given(),
        environments=tuple(dict.fromkeys(body.environments or ())),
        expires_at=body.end(),
    )
    requester = Requester(token=admin, reason=body.reason, idempotency_key=key)
    token, secret, made = await to_thread.run_sync(
        service.tokens.create, spec, body.same(), requester, limiter=service.threads.changes
    )
    return {**token.to_json(), "secret": secret, **made.to_json()}


@router.delete(
    "/{identifier}",
    summary="Revoke a token",
    responses={**REVOKING, 200: _example("the change", CHANGE)},
)
async def revoke_token(
    service: Service,
    admin: Admin,
    identifier: Annotated[str, Path(description="the token's `id`", examples=["3f9a0c11d2e4"])],
    key: Key,
    reason: Annotated[str, Query(max_length=MAX_REASON, description="kept in the journal")] = "",
) -> dict[str, Any]:
    """Revoke a token permanently: within a second no process accepts it, and its streams end.

    One admin for all environments whose token never expires must remain (409 `last_admin`). If its secret is
    lost: `promptstage token recover`, on the journal's machine.
    """
    requester = Requester(token=admin, reason=reason, idempotency_key=key)
    made = await to_thread.run_sync(
        service.tokens.revoke, identifier, requester, limiter=service.threads.changes
    )
    return made.to_json()
