"""The prompts and versions of the repository."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from registry.api.docs import shapes
from registry.api.http import problem, refresh
from registry.api.http.dependencies import Name, Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.catalog.naming import LATEST
from registry.system import work

if TYPE_CHECKING:
    from registry.catalog.catalog import Catalog

router = APIRouter(
    route_class=BoundedRoute, prefix="/v1", tags=["prompts"], responses=problem.responses(401, 403, 503)
)
UNKNOWN_PROMPT = problem.responses(404, codes={404: ("unknown_prompt",)})
UNKNOWN_VERSION = problem.responses(404, codes={404: ("unknown_prompt", "unknown_version")})

VersionName = Annotated[str, Path(description="a version, or `latest`", examples=["1.3.0"])]

PAGE = 100
MAX_PAGE = 1000


@router.get(
    "/prompts",
    summary="List prompts",
    responses=shapes.answer(shapes.Prompts, "a page of prompts"),
)
def list_prompts(
    service: Service,
    _: Reader,
    prefix: Annotated[str, Query(description="only names with this prefix", examples=["support/"])] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="of one page")] = PAGE,
    cursor: Annotated[str, Query(description="`next_cursor` of the page before")] = "",
) -> JSONResponse:
    """List prompts by name, with the title of their latest version."""
    names = [name for name in service.catalog.names() if name.startswith(prefix)]
    begin = bisect_right(names, cursor) if cursor else 0
    page = names[begin : begin + limit]
    more = begin + limit < len(names)
    data = [_summary(service.catalog, name) for name in page]
    return JSONResponse({"data": data, "next_cursor": page[-1] if more else None})


def _summary(catalog: Catalog, name: str) -> dict[str, Any]:
    work.check()
    latest = catalog.latest(name)
    document = catalog.read(name, latest).document
    return {
        "name": name,
        "title": document.title if document else "",
        "description": document.description if document else "",
        "latest": latest,
        "versions": catalog.versions(name),
    }


@router.get(
    "/prompts/{name:path}/versions",
    summary="List the versions of a prompt",
    responses={**UNKNOWN_PROMPT, **shapes.answer(shapes.Versions, "all of its versions")},
)
def list_versions(service: Service, _: Reader, name: Name) -> JSONResponse:
    """List the versions of a prompt, newest first, without their documents."""
    found = service.catalog.list(name)
    return JSONResponse({"data": [version.to_json(with_document=False) for version in found]})


@router.get(
    "/prompts/{name:path}/versions/{version}",
    summary="Read a version",
    responses={**UNKNOWN_VERSION, **shapes.answer(shapes.Version, "the version")},
)
async def read_version(service: Service, token: Reader, name: Name, version: VersionName) -> JSONResponse:
    """Read one version, or `latest`, with its document or its problem.

    For `latest`, `passed_over` lists the invalid versions that would be it if they could be served.
    """

    def read() -> JSONResponse:
        found = service.catalog.read(name, version)
        over = service.catalog.passed_over(name, found.version) if version == LATEST else ()
        return JSONResponse(found.to_json(with_document=True) | ({"passed_over": over} if over else {}))

    return await refresh.find(service, token, read)


@router.get(
    "/prompts/{name:path}/diff",
    summary="Compare two versions",
    responses={**UNKNOWN_VERSION, **shapes.answer(shapes.Diff, "what differs")},
)
async def diff_versions(
    service: Service,
    token: Reader,
    name: Name,
    old: Annotated[str, Query(alias="from", description="a version, or `latest`", examples=["1.2.0"])],
    new: Annotated[str, Query(alias="to", description="a version, or `latest`", examples=["1.3.0"])],
) -> JSONResponse:
    """Compare two versions: a unified diff of the files, and the changed keys of the document."""
    return await refresh.find(service, token, lambda: JSONResponse(service.catalog.diff(name, old, new)))


@router.get(
    "/catalog",
    summary="Read the state of the catalog",
    responses=shapes.answer(shapes.CatalogStatus, "the state of the catalog"),
)
def catalog_status(service: Service, _: Reader) -> JSONResponse:
    """Report when the repository was last read, and which tags were ignored, moved or failed."""
    return JSONResponse(service.catalog.status())
