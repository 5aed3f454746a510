"""Log in with a token, and out; the files of all pages."""

from __future__ import annotations

import mimetypes
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from registry.access.tokens import UnknownToken
from registry.api.http import refresh
from registry.api.http.dependencies import services_of
from registry.console import page
from registry.console.session import COOKIE, ENDED, SESSION_SECONDS
from registry.console.visit import ConsoleRoute, Sending, Visiting, check_origin, form_of
from registry.errors import NotFound, Unauthorized
from registry.system import timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
lost = APIRouter(route_class=ConsoleRoute, include_in_schema=False)  # after all others
YEAR = "public, max-age=31536000, immutable"  # the address of a file changes with its content
HTML = "text/html"


@router.get("/")
async def root(request: Request) -> Response:
    """Lead a browser to the console. Raises NotFound for others."""
    if HTML not in request.headers.get("accept", ""):
        raise NotFound(
            "there is nothing at /; the API is under /v1, its description at /docs", code="not_found"
        )
    return RedirectResponse(page.ROOT)


@router.get(page.ROOT)
async def first(visit: Visiting) -> Response:
    """Lead to the overview of the first environment."""
    return RedirectResponse(page.url("e", visit.environments[0]), HTTPStatus.SEE_OTHER)


@router.get(f"{page.ROOT}/login")
async def ask(request: Request) -> Response:
    """Ask for a token."""
    ended = ENDED if "ended" in request.query_params else ""
    return _asked(request.query_params.get("next", ""), ended)


@router.post(f"{page.ROOT}/login")
async def log_in(request: Request) -> Response:
    """Begin a session."""
    check_origin(request)
    form = await form_of(request)
    back = form.get("next", "")
    try:
        token = await _found(services_of(request), form.get("token", ""))
    except Unauthorized as error:
        return _asked(back, error.message, HTTPStatus.UNAUTHORIZED)
    answer = RedirectResponse(back if _is_ours(back) else page.ROOT, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        services_of(request).sessions.begin(token),
        max_age=SESSION_SECONDS,
        path=page.ROOT,
        httponly=True,
        samesite="strict",
        secure=_is_https(request),
    )
    return answer


@router.post(f"{page.ROOT}/logout")
async def log_out(sent: Sending) -> Response:  # noqa: ARG001 - it checks the form
    """End the session of this browser."""
    answer = RedirectResponse(page.url("login"), HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE, path=page.ROOT)
    return answer


@router.get(f"{page.ROOT}/static/{{version}}/{{name}}")
async def asset(version: str, name: str) -> Response:  # noqa: ARG001 - a browser asks anew for another one
    """Serve a file of the pages."""
    folder = files("registry.console") / "static"
    if name not in {file.name for file in folder.iterdir()}:
        raise NotFound("there is no such file", code="not_found")
    path: Path = folder / name  # type: ignore[assignment]
    kind = mimetypes.guess_type(name)[0]
    return FileResponse(
        path, media_type=kind, headers={"Cache-Control": YEAR, "X-Content-Type-Options": "nosniff"}
    )


@lost.get(f"{page.ROOT}/{{path:path}}")
async def nothing(path: str) -> Response:
    """Say that there is no such page. Raises NotFound."""
    raise NotFound(f"there is no page {path[:100]!r}", code="not_found")


def _asked(back: str, message: str, status: int = HTTPStatus.OK) -> Response:
    return page.render("login.html", {"next": back, "message": message, "path": ""}, status)


async def _found(services: Services, secret: str) -> Token:
    keyring = services.rollouts.replica.keyring
    try:
        return keyring.find(f"Bearer {secret.strip()}", timestamps.now())
    except UnknownToken:  # or of a moment ago, from another registry
        await refresh.refresh_journal(services)
        return keyring.find(f"Bearer {secret.strip()}", timestamps.now())


def _is_ours(back: str) -> bool:
    """Return whether an address leads to the console, and nowhere else."""
    return back.startswith(page.ROOT) and "\\" not in back and "\n" not in back and "//" not in back[:2]


def _is_https(request: Request) -> bool:
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "").partition(",")[0]}
