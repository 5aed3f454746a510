"""Releases, and what they resolve to for one key: the same decision that clients make for themselves."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from promptstage.evaluation import PINNED, decide
from promptstage.model import Decision, dump_document
from registry.api import problem
from registry.api.docs import examples, shapes
from registry.api.parts import Environment, Name, Parts, Reader, Service
from registry.errors import Invalid, NotFound
from registry.rollouts.service import unservable

if TYPE_CHECKING:
    from promptstage.model import Document

NO_RELEASE = ("unknown_prompt", "unknown_environment", "no_release")
router = APIRouter(
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

MAX_NAMES = 1000  # of one request; a client with more asks again


class Question(BaseModel):
    """Who asks: a key, attributes, and if wanted a fixed version or an earlier time."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.QUESTION]})

    key: Annotated[
        StrictStr | StrictInt | None, Field(description="who asks; empty or null: a random one")
    ] = None
    attributes: dict[str, Any] = Field(default_factory=dict, description="what an audience may ask for")
    version: str | None = Field(default=None, description="this version, whatever is in force")
    at: AwareDatetime | None = Field(default=None, description="as it was decided then")


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
) -> Response:
    """Read the releases of several prompts; the names of those that have none are in `missing`."""
    asked = dict.fromkeys(name for name in names.split(",") if name)
    if len(asked) > MAX_NAMES:
        raise Invalid(f"names: at most {MAX_NAMES} at once")
    found, missing = [], []
    for name in asked:
        try:
            found.append(service.rollouts.release(environment, name).body)
        except NotFound as error:
            if error.code == "unknown_environment":
                raise
            missing.append(name)
    body = b'{"releases":[%s],"missing":%s}' % (b",".join(found), json.dumps(missing).encode())
    return Response(body, media_type="application/json")


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
    if_none_match: Annotated[str | None, Header(description="the ETag of the release that you have")] = None,
) -> Response:
    """Read what the environment serves under a name: the rules, and the documents they can choose."""
    built = service.rollouts.release(environment, name)
    if if_none_match is not None and built.etag in if_none_match:
        return Response(status_code=304, headers={"ETag": built.etag})
    return Response(built.body, media_type="application/json", headers={"ETag": built.etag})


@router.get("/resolve/{name:path}", summary="Decide for a key", responses=RESOLVED)
def resolve(
    service: Service,
    _: Reader,
    environment: Environment,
    name: Name,
    key: Annotated[
        str | None, Query(description="who asks; none: a random one", examples=["user-42"])
    ] = None,
    attribute: Annotated[
        list[str] | None, Query(description="name:value, as often as needed", examples=[["tenant:acme"]])
    ] = None,
    version: Annotated[str | None, Query(description="this version, whatever is in force")] = None,
    at: Annotated[AwareDatetime | None, Query(description="as it was decided then")] = None,
) -> dict[str, Any]:
    """Tell which version a key gets, and why. The key is in the query: POST keeps it out of proxies' logs."""
    return _resolve(
        service, environment, name, Question(key=key, attributes=_pairs(attribute), version=version, at=at)
    )


@router.post(
    "/resolve/{name:path}", summary="Decide for a key in the body", responses={**RESOLVED, **TOO_LARGE}
)
def resolve_question(
    service: Service, _: Reader, environment: Environment, name: Name, question: Question
) -> dict[str, Any]:
    """Tell which version a key gets, and why; the key is in no address, and so in no log."""
    return _resolve(service, environment, name, question)


def _resolve(service: Parts, environment: str, name: str, question: Question) -> dict[str, Any]:
    if question.version is not None:
        service.rollouts.state(environment, name)
        return _pinned(service, environment, name, question.version)
    if question.at is None:
        release = service.rollouts.release(environment, name).release
    else:
        release = service.rollouts.release_at(environment, name, question.at)
    key = "" if question.key is None else str(question.key)
    decision = decide(release, key or secrets.token_hex(16), question.attributes)
    service.metrics.resolutions.labels(environment, decision.reason).inc()
    served = release.versions[decision.version]
    return _resolved(name, decision, served.digest, served.document)


def _pinned(service: Parts, environment: str, name: str, version: str) -> dict[str, Any]:
    found = service.catalog.read(name, version)
    if found.document is None or found.digest is None:
        raise unservable(found)
    service.metrics.resolutions.labels(environment, PINNED).inc()
    return _resolved(
        name, Decision(found.version, "pinned", PINNED, None, None), found.digest, found.document
    )


def _resolved(name: str, decision: Decision, digest: str, document: Document) -> dict[str, Any]:
    return {
        "name": name,
        "version": decision.version,
        "arm": decision.arm,
        "reason": decision.reason,
        "rollout": decision.rollout,
        "bucket": decision.bucket,
        "digest": digest,
        "document": dump_document(document),
    }


def _pairs(texts: list[str] | None) -> dict[str, list[str]]:
    """``tenant:acme`` given once or often: an attribute's values, any of which may match."""
    attributes: dict[str, list[str]] = {}
    for text in texts or ():
        name, colon, value = text.partition(":")
        if not (name and colon):
            raise Invalid(f"attribute: write name:value, not {text!r}")
        attributes.setdefault(name, []).append(value)
    return attributes
