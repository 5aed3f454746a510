"""Refuse what would change a prompt, and name the commands that do: versions are made in git."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request

from registry.api.http.dependencies import Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.catalog.naming import LATEST, SUFFIXES, is_name, of_number
from registry.protocols.langfuse.access import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.api.http.dependencies import Services

MAX_DIGITS = 9  # of a version's number
WHOSE = "PROMPT"  # in a command, where a request names no prompt that there could be

router = APIRouter(route_class=BoundedRoute)


@router.post(f"{ROOT}/v2/prompts")
async def create_version(request: Request, service: Service, _: Reader) -> None:
    """Refuse a new version."""
    body = await _body(request)
    name = _name(body.get("name"))
    tag = f"write {name}{SUFFIXES[0]}, commit it, and run: promptstage tag {name} --push"
    raise _refusal([tag, *_promotions(service, name, LATEST, body.get("labels"))])


@router.patch(f"{ROOT}/v2/prompts/{{name:path}}/versions/{{number}}")
async def move_labels(request: Request, service: Service, _: Reader, name: str, number: str) -> None:
    """Refuse to put labels on a version."""
    version = of_number(int(number)) if number.isdecimal() and len(number) <= MAX_DIGITS else None
    body = await _body(request)
    promotions = _promotions(service, _name(name), version or "VERSION", body.get("newLabels"))
    raise _refusal([f"a label is an environment; run: {' && '.join(promotions)}"])


@router.delete(f"{ROOT}/v2/prompts/{{name:path}}")
async def delete_versions(service: Service, _: Reader, name: str, label: str = "") -> None:
    """Refuse to delete versions."""
    (environment,) = _environments(service, [label])[:1]
    rollback = f"promptstage rollback {_name(name)} -e {environment}"
    raise _refusal([f"a version that was served is kept; to take the newest back, run: {rollback}"])


def _refusal(steps: Sequence[str]) -> HTTPException:
    said = f"prompts are changed in git and by a release manager, not over this API: {' && '.join(steps)}"
    return HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, said, {"Allow": "GET"})


def _promotions(service: Services, name: str, version: str, labels: object) -> list[str]:
    """Return the commands that put a version in force where the labels say."""
    return [f"promptstage promote {name} {version} -e {label}" for label in _environments(service, labels)]


def _environments(service: Services, labels: object) -> list[str]:
    """Return the environments among some labels; the first there is, if there are none."""
    known = service.rollouts.environments
    return [label for label in known if isinstance(labels, list) and label in labels] or [known[0]]


def _name(name: object) -> str:
    return name if isinstance(name, str) and is_name(name) else WHOSE


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
