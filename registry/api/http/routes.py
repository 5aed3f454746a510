"""Routes that take turns, and parse a request at its own caller's cost.

The framework parses on the event loop, and lists each bad value: a megabyte of `[],[],` held up all others
for half a second. What is long is parsed in a thread here, by the parsers that the framework uses.
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

LONG = 2 << 10  # bytes: to parse them takes 0.1 ms, as much as to hand them to a thread
# Signs in a body, each perhaps a bad value: to validate so many takes 5 ms, in which no other thread runs.
MAX_VALUES = 10_000
MAX_BAD = 100  # values that an answer names; to list thousands takes as many milliseconds


class BoundedRoute(APIRoute):
    """A route of reads."""

    max_values = MAX_VALUES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Let the framework's handler run when it is the token's turn."""
        handle = super().get_route_handler()
        kind: Any = self.body_field.field_info.annotation if self.body_field else None
        adapter = TypeAdapter[Any](kind) if self.body_field else None

        async def bounded(request: Request) -> Response:
            bounds, token = services_of(request).bounds, request.state.token
            lane = self.lane(request.method)
            work = request.scope[WORK] = lane.work()
            with bounds.body(token, _announced(request)):
                body = await _body(request)  # before its turn: who sends slowly keeps nobody waiting
                async with bounds.turn(token, lane, work):
                    if len(request.scope["query_string"]) > LONG:
                        request._query_params = await to_thread.run_sync(  # noqa: SLF001 - Starlette's own cache
                            QueryParams, request.scope["query_string"]
                        )
                    if len(body) > LONG and adapter:
                        request._json = await to_thread.run_sync(self._understand, adapter, body)  # noqa: SLF001
                    return await handle(request)

        return bounded

    def lane(self, method: str) -> Lane:  # noqa: ARG002 - that of others depends on it
        """In which line a request waits."""
        return Lane.READ

    def _understand(self, adapter: TypeAdapter[Any], body: bytes) -> object:
        """Parse a long body, and validate it; the framework takes what is valid as it is."""
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
    """A route on which streams begin."""

    max_values = 25_000  # 10,000 names, each with a position

    def lane(self, method: str) -> Lane:  # noqa: ARG002 - as above
        """In which line a request waits."""
        return Lane.STREAM


def _announced(request: Request) -> int:
    """How much room a body may take; the framework refuses a longer one."""
    if "transfer-encoding" in request.headers:
        return MAX_BODY_BYTES
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:  # nobody reads the answer
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None


def _bad_values(error: ValidationError) -> Exception:
    if error.error_count() > MAX_BAD:
        return Invalid(f"the body has {error.error_count()} bad values; see /docs for what it may hold")
    return RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()])
