"""The page at ``/docs`` and the API's description; all its files are served from here.

The page is Swagger UI, from the files that fastapi-standalone-docs carries; its Python is not used, as it
would change FastAPI for the whole process.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse

from registry.api.docs import examples
from registry.api.http import problem
from registry.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse
    from fastapi.routing import APIRoute

router = APIRouter(include_in_schema=False)

DESCRIPTION = """\
Prompts are files in a git repository; a tag such as `summarize/v1.3.0` makes a **version** of one. This
registry stages a version in an **environment**: to 5 % of users, 25 %, everyone, or back.

```sh
A="Authorization: Bearer $(cat .data/admin.token)" E=http://127.0.0.1:8000/v1/environments/production
curl -H "$A" http://127.0.0.1:8000/v1/prompts                          # what the repository holds
curl -H "$A" --json '{"version": "1.2.0"}' $E/rollouts/summarize/actions/promote    # for everyone
curl -H "$A" --json '{"version": "1.3.0"}' $E/rollouts/summarize/actions/start      # for 5 % first
curl -H "$A" "$E/resolve/summarize?key=user-42"                        # who gets which, and why
```

**Applications** do not call this for every prompt: the Python package `promptstage` follows the stream and
decides in memory. Without it, read a release and use its ETag, or ask `resolve`.

**Tokens.** `/metrics` and everything under `/v1` but the webhooks, which are signed, takes
`Authorization: Bearer ps_...`. A `reader` reads, a `releaser` also changes rollouts, an `admin` also manages
tokens. A token may be limited to environments.

**Names** of prompts may hold a slash, raw or as `%2F`: `/v1/prompts/support/triage/versions`.

**Errors** are `application/problem+json`: `detail` is a sentence that says what to do, `code` is the same for
programs and does not change. 503 comes with `Retry-After`.

**Changes** are durable when they are acknowledged. Send an `Idempotency-Key`, and a request that is sent
again is answered with what was done (422 `idempotency_mismatch` for another body). Send `If-Match`, or
`expect` in the body, and nothing is changed if somebody else was faster (412, or 409 `changed`). An
unknown key in a body is an error, so that a typing error is not ignored.

**Two people.** Where an environment's rule is `approval`, `start` and `promote` answer 202 and change
nothing yet: `state.awaiting_approval` says what was asked for, until another token sends `approve`, or any
`reject`. A rollback never waits.

**Suites.** Where an environment requires one, a version is started or promoted only with an attestation that
it passed, from another token, against the version in force (409 `suite_required`, `suite_failed`). An
`override` with a reason goes past that. What is under way is never held up.
"""
TAGS = [
    {"name": "prompts", "description": "What the repository holds: prompts, their versions, differences."},
    {"name": "rollouts", "description": "Which version is in force, who changed it when, and the changes."},
    {"name": "releases", "description": "What applications get: rules and documents, decisions, a stream."},
    {"name": "outcomes", "description": "How calls went: apps report them, usage adds them up."},
    {"name": "suites", "description": "Attestations: which version passed its cases, and who says so."},
    {"name": "review", "description": "People look at calls, and their labels become cases in git."},
    {"name": "tokens", "description": "Who may do what. For admins."},
    {
        "name": "operations",
        "description": "For load balancers, monitoring, the repository's host, and operators on call.",
    },
]
UI = {
    "validatorUrl": None,  # it would send the description to an outside server
    "docExpansion": "list",
    "defaultModelsExpandDepth": -1,  # every operation shows its own schemas
    "displayRequestDuration": True,
    "filter": True,
}
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
BAD_REQUEST = {str(status): told for status, told in problem.responses(422).items()}
# For every page: a site that shows it in a frame could make its reader click hidden controls.
UNFRAMED = {
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
DAY = "max-age=86400"  # a new version of the registry may have new files


def describe(app: FastAPI) -> None:
    """Add the page and the description to an app."""
    app.include_router(router)
    app.title, app.version, app.description = "Promptstage", version("promptstage-registry"), DESCRIPTION
    app.openapi_tags, app.license_info = TAGS, {"name": "Apache 2.0", "identifier": "Apache-2.0"}
    generate = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _tidy(generate())
        return app.openapi_schema

    # FastAPI's documented way to extend it.
    app.openapi = described  # type: ignore[method-assign]
    written = cache(lambda: json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode())
    alone = CapacityLimiter(1)  # the first request builds the description, the others wait

    # Instead of the framework's own, which would encode it again for each request.
    @app.get("/openapi.json", include_in_schema=False)
    async def description() -> Response:
        body = await to_thread.run_sync(written, limiter=alone)
        return Response(body, media_type="application/json")


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation in generated clients: that of its function."""
    return route.name


@router.get("/docs")
async def page() -> HTMLResponse:
    """Serve the page; addresses are relative, so that it works behind a proxy's prefix."""
    shown = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Promptstage API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters=UI,
    )
    shown.headers.update(UNFRAMED)
    return shown


@router.get("/docs/{name}")
async def asset(name: str) -> FileResponse:
    """Serve a file of the page."""
    if name not in ASSETS:
        raise NotFound(f"there is no page {name[:50]!r}; see /docs")
    path: Path = files("fastapi_standalone_docs") / "static/swagger" / name  # type: ignore[assignment]
    return FileResponse(path, media_type=ASSETS[name], headers={"Cache-Control": DAY})


def _tidy(spec: dict[str, Any]) -> dict[str, Any]:
    """Describe our errors, once, instead of FastAPI's, and each answer by its shape and example alone.

    The examples are inserted here because FastAPI would drop their nulls.
    """
    for operations in spec["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _tidy_parameter(parameter)
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                operation["responses"] |= BAD_REQUEST
            for told in operation["responses"].values():
                for content in told.get("content", {}).values():
                    _tidy_content(content)
    schemas = spec["components"]["schemas"]
    schemas["Problem"] = problem.PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return spec


def _tidy_content(content: dict[str, Any]) -> None:
    if ref := content.get("schema", {}).get("$ref"):
        content["schema"] = {"$ref": ref}
        content.setdefault("example", examples.OF.get(ref.rpartition("/")[2]))


def _tidy_parameter(parameter: dict[str, Any]) -> None:
    """Describe an optional parameter as never null, and let `Try it out` start with the example."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0]
    if given := schema.pop("examples", None):
        parameter["example"] = given[0]
