"""Routes that queue by token, and parse long requests without delaying others.

The framework parses on the event loop, and lists each bad value: a megabyte of `[],[],` delayed all others
for half a second. Long input is parsed in a thread here, by the framework's own parsers.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect

from registry.api.http.bounds import WORK, Lane
from registry.api.http.dependencies import MAX_BODY_BYTES, services_of
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response

LONG = 2 << 10  # bytes: parsing them takes 0.1 ms, as long as handing them to a thread
# Delimiters in a body, each perhaps a bad value: validating so many takes 5 ms, and no other thread runs.
MAX_VALUES = 10_000
MAX_BAD = 100  # values listed in an answer; listing thousands takes as many milliseconds


class BoundedRoute(APIRoute):
    """A route of reads."""

    max_values = MAX_VALUES
    max_body_bytes = MAX_BODY_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Run the framework's handler when it is the token's turn."""
        handle = super().get_route_handler()
        kind: Any = self.body_field.field_info.annotation if self.body_field else None
        adapter = TypeAdapter[Any](kind) if self.body_field else None

        async def bounded(request: Request) -> Response:
            bounds, token = services_of(request).bounds, request.state.token
            lane = self.lane(request.method)
            work = request.scope[WORK] = lane.work()
            with bounds.body(token, _announced(request, self.max_body_bytes)):
                body = await _body(request)  # before its turn, so that a slow sender delays no other request
                async with bounds.turn(token, lane, work):
                    if len(request.scope["query_string"]) > LONG:
                        request._query_params = await to_thread.run_sync(  # noqa: SLF001 - Starlette's own cache
                            QueryParams, request.scope["query_string"]
                        )
                    if len(body) > LONG and adapter:
                        request._json = await to_thread.run_sync(self._understand, adapter, body)  # noqa: SLF001
                    return await handle(request)

        return bounded

    def lane(self, method: str) -> Lane:  # noqa: ARG002 - subclasses use it
        """In which line a request waits."""
        return Lane.READ

    def _understand(self, adapter: TypeAdapter[Any], body: bytes) -> object:
        """Parse and validate a long body; the framework accepts a valid one unchanged."""
        if sum(map(body.count, (b",", b":", b"["))) > self.max_values:
            raise Invalid(f"the body has more than {self.max_values} values; send less at once")
        try:
            return adapter.validate_python(json.loads(body))
        except ValidationError as error:
            raise _bad_values(error) from None
        except (ValueError, RecursionError):
            raise HTTPException(HTTPStatus.BAD_REQUEST) from None


class ChangingRoute(BoundedRoute):
    """A route of reads and changes."""

    def lane(self, method: str) -> Lane:
        """In which line a request waits."""
        return Lane.READ if method == "GET" else Lane.CHANGE


class StreamRoute(BoundedRoute):
    """A route of streams."""

    max_values = 25_000  # 10,000 names, each with a position

    def lane(self, method: str) -> Lane:  # noqa: ARG002 - as above
        """In which line a request waits."""
        return Lane.STREAM


def _announced(request: Request, most: int) -> int:
    """Return the room to reserve for a body; the framework refuses a longer one."""
    if "transfer-encoding" in request.headers:
        return most
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:  # the answer would not be read
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None


def _bad_values(error: ValidationError) -> Exception:
    if error.error_count() > MAX_BAD:
        return Invalid(f"the body has {error.error_count()} bad values; see /docs for what it may hold")
    return RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()])
