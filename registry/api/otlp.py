"""OTLP/HTTP: an instrumented app needs two environment variables, an endpoint and a header with a token.

Exporters read the status alone, and differ in it. 503 with a short Retry-After is the only one after which
all known ones send a batch again; 408, 429, 500 and redirects lose it in some. A partial success is shown by
none, so what is left out is counted here as well.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Request, Response

from registry.api.docs import examples
from registry.api.http import intake, problem
from registry.api.http.dependencies import App, Service
from registry.errors import Unavailable
from registry.outcomes.otlp import answers, decode
from registry.outcomes.otlp.errors import Malformed, TooLarge
from registry.outcomes.otlp.unpack import ENCODINGS, MAX_SENT, unpack
from registry.outcomes.placing import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services

SIGNALS = ("traces", "logs", "metrics")
PATHS = tuple(f"/v1/{signal}" for signal in SIGNALS)
MAX_BODY_BYTES = MAX_SENT
RETRY_AFTER = "2"  # seconds: an exporter gives up after ten
PROTOBUF, JSON = "application/x-protobuf", "application/json"
BINARY = {"type": "string", "format": "binary"}
ELSEWHERE = "the token may not report for the environment that they name; see deployment.environment.name"
CODES = {400: ("malformed",), 415: ("unsupported_type",), 503: intake.BUSY}


class OtlpRoute(intake.IntakeRoute):
    """A route whose refusals are as exporters expect them."""

    max_body_bytes = MAX_BODY_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Refuse in the request's type, and say when to come again."""
        handle = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            try:
                return await handle(request)
            except Unavailable as error:
                again = {"Retry-After": RETRY_AFTER}
                return _refusal(request, HTTPStatus.SERVICE_UNAVAILABLE, error.message, again)
            except Malformed as error:
                return _refusal(request, HTTPStatus.BAD_REQUEST, str(error))
            except TooLarge as error:
                return _refusal(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
            except HTTPException as error:
                return _refusal(request, error.status_code, str(error.detail), error.headers)

        return refusing


def _refusals() -> dict[int | str, dict[str, Any]]:
    """Document errors: what this route refuses is said in the request's type."""
    documented = problem.responses(400, 401, 403, 413, 415, 503, codes=CODES)
    message = {"type": "object", "properties": {"message": {"type": "string"}}}
    for status in (400, 413, 415, 503):
        documented[status]["content"] |= {JSON: {"schema": message}, PROTOBUF: {"schema": BINARY}}
    return documented


router = APIRouter(route_class=OtlpRoute, prefix="/v1", tags=["outcomes"], responses=_refusals())


async def _take(signal: str, service: Services, token: Token, request: Request) -> Response:
    as_json, encoding, body = _is_json(request), _encoding(request), await request.body()

    def work() -> bytes:
        content = unpack(body, encoding)
        if signal == "metrics":
            decode.check(content, as_json=as_json)
            return answers.taken(signal, 0, "", as_json=as_json)
        known, own = service.rollouts.environments, token.environments
        read = service.outcomes.read_spans(
            signal, content, as_json=as_json, place=lambda named: place_of(named, known, own)
        )
        service.rate.take(token.id, read.calls)
        service.outcomes.take_spans(token.id, read)
        service.metrics.exported(read.counts)
        return answers.taken(signal, read.rejected, ELSEWHERE, as_json=as_json)

    answer = await to_thread.run_sync(work, limiter=service.threads.reports)
    return Response(answer, media_type=JSON if as_json else PROTOBUF)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {PROTOBUF, JSON}:
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-type may be {PROTOBUF} or {JSON}; set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf",
            {"Accept": f"{PROTOBUF}, {JSON}"},
        )
    return kind == JSON


def _encoding(request: Request) -> str:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding and encoding not in ENCODINGS:
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-encoding may be {', '.join(ENCODINGS)}",
            {"Accept-Encoding": "gzip, deflate"},
        )
    return encoding


def _refusal(request: Request, status: int, why: str, headers: Any = None) -> Response:
    as_json = request.headers.get("content-type", "").strip().lower().startswith(JSON)
    body = answers.refused(why, as_json=as_json)
    return Response(body, status, headers, media_type=JSON if as_json else PROTOBUF)


def _documented(signal: str, summary: str) -> Callable[..., Any]:
    """Return the decorator of a route, also with a slash at its end: a redirect would lose spans."""
    content = {
        JSON: {"schema": {"type": "object"}, "example": examples.OTLP[signal]},
        PROTOBUF: {"schema": BINARY},
    }
    partial = {"partialSuccess": {answers.REJECTED[signal]: "2", "errorMessage": ELSEWHERE}}
    answer = {JSON: {"schema": {"type": "object"}, "example": partial}}
    said = "durable; what was left out is in `partialSuccess`, and in `doctor`"
    plain = router.post(
        f"/{signal}",
        summary=summary,
        response_class=Response,
        responses={200: {"description": said, "content": answer}},
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    slashed = router.post(f"/{signal}/", response_class=Response, include_in_schema=False)
    return lambda endpoint: plain(slashed(endpoint))


@_documented("traces", "Export spans")
async def export_traces(service: Service, token: App, request: Request) -> Response:
    """Take in spans: those of calls to models count, whichever instrumentation wrote them.

    A span that names a call of the client's (`promptstage.call`) only fills in what that does not say.
    Content is never kept. The environment is that of the resource attribute `deployment.environment.name`,
    else the token's only one.
    """
    return await _take("traces", service, token, request)


@_documented("logs", "Export log records")
async def export_logs(service: Service, token: App, request: Request) -> Response:
    """Take in feedback (`gen_ai.evaluation.result`) and names of tools (`gen_ai.choice`).

    Other records are dropped.
    """
    return await _take("logs", service, token, request)


@_documented("metrics", "Export metrics")
async def export_metrics(service: Service, token: App, request: Request) -> Response:
    """Accept metrics and drop them, so that one endpoint serves all signals: they name no prompt."""
    return await _take("metrics", service, token, request)
