"""LiteLLM's generic prompt management (beta): one GET, by which its SDK and proxy fetch a prompt.

LiteLLM itself sends the name alone; its configuration may add fields to the query, so `environment` (or its
other name `label`), `version` and `key` are read from there. It replaces `{name}` before `{{name}}`, so
placeholders are written in single braces; what it would replace by mistake is refused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from promptstage.requests.openai import make_litellm_request
from promptstage.requests.rendered import make_rendered
from registry.api.http.answers import keep
from registry.api.http.dependencies import Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.catalog.naming import LATEST, is_version, of_number
from registry.errors import Invalid
from registry.protocols import portable
from registry.protocols.protocol import Protocol, bearer
from registry.protocols.resolving import environment_for, pinned, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.model import Document
    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services
    from registry.protocols.protocol import Refusal
    from registry.protocols.resolving import Resolved

PATH = "/beta/litellm_prompt_management"
NUMBER = re.compile(r"[0-9]{1,10}")
# The proxy puts a prompt's parameters over the request's: metadata would replace what it knows of its caller.
NEVER = frozenset(("metadata", "messages", "model"))

router = APIRouter(route_class=BoundedRoute)


class Question(BaseModel):
    """What to serve; a field that is not known here would be a rule that does not hold."""

    model_config = ConfigDict(extra="forbid")

    prompt_id: str
    environment: str | None = None
    label: str | None = None
    version: str | None = None
    key: str | None = None


@router.get(PATH)
def read(
    request: Request, service: Service, token: Reader, question: Annotated[Question, Query()]
) -> Response:
    """Read a prompt as LiteLLM has it."""
    environment, found = _resolve(service, token, question)
    content = _write(found)
    keep(request.scope, (environment, found.decision.reason))
    return Response(
        json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace"),
        media_type="application/json",
    )


def _resolve(service: Services, token: Token, question: Question) -> tuple[str, Resolved]:
    """Decide for the key, else for the token, as LiteLLM keeps what it fetched until it restarts."""
    if question.environment and question.label and question.environment != question.label:
        raise Invalid("label is another name of environment here; send one of them")
    environment = environment_for(service, token, question.environment or question.label)
    if question.version is None:
        return environment, resolve(service, environment, question.prompt_id, question.key or token.id)
    return environment, pinned(service, environment, question.prompt_id, _version(question.version))


def _version(text: str) -> str:
    """Return the version of a text: itself, or the one of that integer."""
    version = of_number(int(text)) if NUMBER.fullmatch(text) else text
    if version is None or not (version == LATEST or is_version(version)):
        raise Invalid(f"version: 1.2.0, or its integer 1002000, not {text[:100]!r}")
    return version


def _write(found: Resolved) -> dict[str, Any]:
    document = found.served.document
    variables = _names(document)
    messages = portable.messages(
        document, write="{{{}}}".format, is_read=lambda text: any(f"{{{v}}}" in text for v in variables)
    )
    written = [message._asdict() for message in messages]
    request: Mapping[str, Any] = {**make_litellm_request(make_rendered(found.name, document, written))}
    return {
        "prompt_id": found.name,
        "prompt_template": written,
        "prompt_template_model": document.model or None,
        "prompt_template_optional_params": {k: v for k, v in request.items() if k not in NEVER},
        "version": found.decision.version,
        "arm": found.decision.arm,
        "rollout": found.decision.rollout,
        "digest": found.served.digest,
    }


def _names(document: Document) -> list[str]:
    return [variable.name for variable in document.variables]


def _error(refusal: Refusal) -> tuple[int, Mapping[str, Any]]:
    return refusal.status, {"detail": refusal.detail, "code": refusal.code}


PROTOCOL = Protocol("litellm", PATH.__eq__, bearer, _error, router)
