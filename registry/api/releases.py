"""Releases, and their decision for one key: the same that clients make for themselves."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from promptstage.model import Decision, dump_document
from promptstage.pins import make_pin, resume
from registry.api.docs import examples, shapes
from registry.api.http import problem
from registry.api.http.dependencies import Edition, Environment, Moment, Name, Reader, Service, Services
from registry.api.http.routes import BoundedRoute
from registry.control.resolve import decide_for
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from promptstage.model import Document, Served
    from registry.metrics.metrics import Metrics
    from registry.replication.read_model import EncodedRelease

JSON = "application/json"
NO_RELEASE = ("unknown_prompt", "unknown_environment", "no_release")
router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}",
    tags=["releases"],
    responses=problem.responses(401, 403, 404, 422, 503),
)

RESOLVED = shapes.answer(shapes.Resolved, "the decision, and the document") | problem.responses(
    404,
    422,
    codes={404: (*NO_RELEASE, "unknown_version"), 422: ("invalid_request", "invalid", "invalid_version")},
)
TOO_LARGE = problem.responses(413)

MAX_NAMES = 1000  # per request; a client with more sends several
MAX_ATTRIBUTES = 1000  # values per request, each compared with each target
SENT_AT_ONCE = 40  # pieces, half of them commas, some 40 KB

PIN = "the `pin` of an earlier answer, to go on with its version; ignored where that is not served any more"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def few_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Check that attributes hold few enough values. Raises ValueError."""
    left: list[object] = [attributes]
    for seen in count(1):
        if not left:
            return attributes
        value = left.pop()
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if seen + len(left) > MAX_ATTRIBUTES:
            break
    raise ValueError(f"at most {MAX_ATTRIBUTES} values, those in lists counted")


class Question(BaseModel):
    """A key, attributes, and optionally a fixed version, a pin or an earlier time."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.QUESTION]})

    key: Annotated[
        StrictStr | StrictInt | None, Field(description="the key; empty or null: a random one")
    ] = None
    attributes: Annotated[dict[str, Any], AfterValidator(few_values)] = Field(
        default_factory=dict, description="attributes of the user, for audiences"
    )
    version: str | None = Field(default=None, description="this version, whatever is in force")
    pin: str | None = Field(default=None, description=PIN)
    at: Moment | None = Field(default=None, description="decide as at this time")


@router.get(
    "/releases",
    summary="Read several releases",
    responses=shapes.answer(shapes.Releases, "the releases, and who has none"),
)
def list_releases(
    service: Service,
    _: Reader,
    environment: Environment,
    names: Annotated[str, Query(description="separated by commas", examples=["summarize,support/triage"])],
    edition: Annotated[Edition, Query()] = 1,
) -> Response:
    """Read the releases of several prompts; the names of those that have none are in `missing`."""
    asked = dict.fromkeys(name for name in names.split(",") if name)
    if len(asked) > MAX_NAMES:
        raise Invalid(f"names: at most {MAX_NAMES} at once")
    service.rollouts.check_environment(environment)
    releases = service.rollouts.releases(environment, asked)
    found = [(built.for_edition(edition).body,) for built in releases.values() if built]
    missing = [name for name, built in releases.items() if built is None]
    return Joined(b'{"releases":[', found, b'],"missing":%s}' % json.dumps(missing).encode())


class Joined(Response):
    """A long list, sent piece by piece: joined, it would be copied for each caller.

    Args:
        start: what comes before its items.
        items: each in one or several pieces.
        end: what comes after them.
        headers: of the response.
    """

    media_type = JSON

    def __init__(
        self,
        start: bytes,
        items: Iterable[Sequence[bytes]],
        end: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(headers=headers)
        self._pieces = [start, *(piece for item in items for piece in (b",", *item))]
        self._pieces[1:2] = []  # the comma before the first
        self._pieces.append(end)
        self.headers["Content-Length"] = str(sum(map(len, self._pieces)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - it is ASGI
        """Send them in groups, and let other requests run in between."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for first in range(0, len(self._pieces), SENT_AT_ONCE):
            body = b"".join(self._pieces[first : first + SENT_AT_ONCE])
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@router.get(
    "/releases/{name:path}",
    summary="Read a release",
    responses={
        **problem.responses(404, codes={404: NO_RELEASE}),
        **shapes.answer(shapes.Release, "the release; ETag names it"),
        304: {"description": "it is the one of If-None-Match"},
    },
)
def read_release(
    service: Service,
    _: Reader,
    environment: Environment,
    name: Name,
    edition: Annotated[Edition, Query()] = 1,
    if_none_match: Annotated[str | None, Header(description="the ETag of the release that you have")] = None,
) -> Response:
    """Read the release of a prompt: the rules, and the documents they can choose."""
    return answer(service.rollouts.release(environment, name).for_edition(edition), if_none_match)


def answer(built: EncodedRelease, if_none_match: str | None) -> Response:
    """Return the HTTP answer of a release, or 304 if the caller has it."""
    if if_none_match is not None and built.etag in if_none_match:
        return Response(status_code=304, headers={"ETag": built.etag})
    return Response(built.body, media_type=JSON, headers={"ETag": built.etag})


@router.get("/resolve/{name:path}", summary="Decide for a key", responses=RESOLVED)
def resolve(
    service: Service,
    _: Reader,
    environment: Environment,
    name: Name,
    key: Annotated[
        str | None, Query(description="the key; default: a random one", examples=["user-42"])
    ] = None,
    attribute: Annotated[
        list[str] | None,
        Query(
            max_length=MAX_ATTRIBUTES,
            description="name:value, as often as needed",
            examples=[["tenant:acme"]],
        ),
    ] = None,
    version: Annotated[str | None, Query(description="this version, whatever is in force")] = None,
    pin: Annotated[str | None, Query(description=PIN)] = None,
    at: Annotated[Moment | None, Query(description="decide as at this time")] = None,
) -> Response:
    """Decide which version a key gets, and why. The key is in the query: POST keeps it out of proxy logs."""
    attributes = dict[str, Any](pairs(attribute or ()))
    question = Question(key=key, attributes=attributes, version=version, pin=pin, at=at)
    return _resolve(service, environment, name, question)


@router.post(
    "/resolve/{name:path}", summary="Decide for a key in the body", responses={**RESOLVED, **TOO_LARGE}
)
def resolve_question(
    service: Service, _: Reader, environment: Environment, name: Name, question: Question
) -> Response:
    """Decide which version a key gets, and why; the key is not in the address, and so in no log."""
    return _resolve(service, environment, name, question)


def _resolve(service: Services, environment: str, name: str, question: Question) -> Response:
    if question.version is not None:
        served, decision = service.resolver.pinned(environment, name, question.version)
        return _pinned(service, environment, name, served, decision)
    built = service.resolver.release(environment, name, question.at)
    if pinned := resume(built.release, question.pin):
        return _pinned(service, environment, name, built.release.versions[pinned.version], pinned)
    decision = decide_for(built, "" if question.key is None else str(question.key), question.attributes)
    return Response(count_and_encode(service.metrics, built, decision), media_type=JSON)


def count_and_encode(metrics: Metrics, built: EncodedRelease, decision: Decision) -> bytes:
    """Count a decision, and encode it as JSON with the chosen document."""
    return b"".join(count_and_encode_in_pieces(metrics, built, decision))


def count_and_encode_in_pieces(
    metrics: Metrics, built: EncodedRelease, decision: Decision
) -> tuple[bytes, bytes, bytes]:
    """Do the same for one of many answers: only the piece in the middle is its own."""
    metrics.resolved(built.release.environment, decision.reason)
    chosen = decision[:3]  # version, arm, reason
    before, after = built.kept.get(chosen) or built.kept.setdefault(chosen, _around(built, *chosen))
    bucket = b"null" if decision.bucket is None else b"%d" % decision.bucket
    return before, bucket, after


def _pinned(service: Services, environment: str, name: str, served: Served, decision: Decision) -> Response:
    service.metrics.resolved(environment, decision.reason)
    before, after = _resolved(name, decision, served.digest, served.document)
    return Response(b"".join((before, b"null", after)), media_type=JSON)


def _around(built: EncodedRelease, version: str, arm: str, reason: str) -> tuple[bytes, bytes]:
    """Return the common parts of all answers of one arm: before the bucket, and after it."""
    release = built.release
    served, split = release.versions[version], release.split
    decision = Decision(version, arm, reason, split.rollout if split else None, None)
    return _resolved(release.prompt, decision, served.digest, served.document)


def _resolved(name: str, decision: Decision, digest: str, document: Document) -> tuple[bytes, bytes]:
    before = {
        "name": name,
        "version": decision.version,
        "arm": decision.arm,
        "reason": decision.reason,
        "rollout": decision.rollout,
    }
    pin = make_pin(decision.rollout, decision.version, decision.arm, digest)
    after = {"digest": digest, "pin": pin, "document": dump_document(document)}
    return f'{_encode(before)[:-1]},"bucket":'.encode(), f",{_encode(after)[1:]}".encode()


def pairs(texts: Iterable[str]) -> dict[str, list[str]]:
    """Parse ``tenant:acme``, given once or repeatedly: an attribute's values, any of which may match."""
    attributes: dict[str, list[str]] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not (name and colon):
            raise Invalid(f"attribute: write name:value, not {text!r}")
        attributes.setdefault(name, []).append(value)
    return attributes
