"""The registry itself: its health, who is connected, and its tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from registry.access.capabilities import MEANINGS
from registry.console import page
from registry.console.visit import ConsoleRoute, Sending, Visiting
from registry.wording import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi.responses import Response

    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)


@router.get("/system")
async def system(visit: Visiting, prompt: str = "") -> Response:
    """Show the registry; `prompt` is examined, too."""
    return await visit.show("system.html", lambda: content(visit.api, visit.environments, prompt.strip()))


def content(api: Api, environments: Sequence[str], prompt: str = "") -> dict[str, Any]:
    """Return what the page shows; what the token may not see is left out."""
    doctor = api.maybe(paths.DOCTOR, "checks", **({"prompt": prompt} if prompt else {}))
    tokens = api.maybe("/v1/tokens", "data")
    return {
        "checks": doctor["checks"] if doctor else None,
        "journal": api.maybe(paths.JOURNAL, "seq"),
        "targets": api.maybe(paths.NOTIFICATIONS, "data"),
        "tokens": tokens["data"] if tokens else None,
        "clients": {one: api.maybe(paths.clients_path(one), "data") for one in environments},
        "capabilities": {str(one): meaning for one, meaning in MEANINGS.items()},
        "secret": "",
        "prompt": prompt,
    }


@router.post("/tokens")
async def create(sent: Sending) -> Response:
    """Create a token, and show its secret this once."""
    visit, form = sent
    given = [key.removeprefix("may_") for key in form if key.startswith("may_")]
    body = {
        "name": form.get("name", ""),
        "capabilities": given or ["reader"],
        "reason": form.get("reason", ""),
    }
    if form.get("environment"):
        body["environments"] = [form["environment"]]
    if form.get("expires_in"):
        body["expires_in"] = form["expires_in"]
    made = await visit.api.send("/v1/tokens", body)
    values = await visit.read(lambda: content(visit.api, visit.environments))
    shown = {**visit.frame(None), **values, "secret": made["secret"], "name": form.get("name", "")}
    return page.render("system.html", shown)


@router.post("/tokens/{identifier}/revoke")
async def revoke(sent: Sending, identifier: str) -> Response:
    """Revoke a token."""
    visit, form = sent
    await visit.api.ask("DELETE", f"/v1/tokens/{quote(identifier)}?reason={quote(form.get('reason', ''))}")
    return RedirectResponse(page.url("system"), HTTPStatus.SEE_OTHER)
