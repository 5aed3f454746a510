"""The report of a suite, which its attester keeps: a person opens the file, and sees both answers of a case.

Nothing of it stays here. It is shown only if it is the very file whose digest was attested.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from registry.console import page
from registry.console.visit import FOREIGN, ConsoleRoute, Visiting, check_origin
from registry.errors import Forbidden, Invalid
from registry.wording import paths

if TYPE_CHECKING:
    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
FOLDER = ".promptstage/reports"
CSRF = "x-csrf"  # the header that stands for a form's field, as the body is the file
MAX_BODY_BYTES = 16 << 20  # ten thousand cases, of which thousands have answers
RANKS = ("regressed", "failed", "error", "missing", "flaky", "fixed")


def takes_in(path: str) -> bool:
    """Return whether a report may be sent to a path."""
    return path.startswith(f"{page.ROOT}/versions/") and "/report/" in path


@router.post("/versions/{version}/report/{name:path}")
async def report(request: Request, visit: Visiting, version: str, name: str) -> Response:
    """Show a report that a person opened. Raises Forbidden, and Invalid: it is another file."""
    check_origin(request)
    if not visit.services.sessions.is_csrf(visit.cookie, request.headers.get(CSRF, "")):
        raise Forbidden(FOREIGN, code="foreign_form")
    body = await request.body()
    return await visit.show("report.html", lambda: opened(visit.api, name, version, body))


def opened(api: Api, name: str, version: str, body: bytes) -> dict[str, Any]:
    """Return the cases of a report to look at, the worst first. Raises Invalid."""
    digest = f"sha256:{sha256(body).hexdigest()}"
    attested = api.get(paths.attestations_path(name, version), "data")["data"]
    if digest not in {one["report"] for one in attested}:
        raise Invalid(
            f"this file is not a report that was attested for {name}@{version}: its digest is {digest}. "
            f"Look in {FOLDER}, where `promptstage eval --attest` ran",
            code="other_report",
        )
    try:
        (run,) = [one for one in json.loads(body)["prompts"] if one["prompt"] == name]
        cases = [_case(case) for case in run["details"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("this report has another form; open it with the program that wrote it") from error
    ranked = sorted(
        (case for case in cases if case["word"] in RANKS), key=lambda one: RANKS.index(one["word"])
    )
    return {"name": name, "version": version, "run": run, "cases": ranked, "digest": digest}


def _case(case: Json) -> Json:
    """Return what became of a case, in the form of the page. Raises KeyError or TypeError."""
    now, before = case["candidate"], case["against"]
    trouble = [now["trouble"]["message"]] if now["trouble"] else []
    return {
        "id": str(case["id"]),
        "place": f"{case['file']}:{case['line']}",
        "word": case["change"] if case["change"] in RANKS else str(now["outcome"]),
        "why": [f"{one['check']}: {one['reason']}" for one in now["failures"]] + trouble,
        "before": before and before["answer"],
        "now": now["answer"],
    }
