"""List prompts as Langfuse's API does: page by page, with filters that choose among their versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from registry.api.http.dependencies import Moment
from registry.errors import Invalid, NotFound
from registry.protocols.langfuse import prompts
from registry.protocols.langfuse.labels import labelled_versions
from registry.system import timestamps, work

if TYPE_CHECKING:
    from promptstage.model import Document
    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services
    from registry.catalog.catalog import Version

PAGE = 10
MAX_PAGE = 100  # as Langfuse has it
NEVER = timestamps.rfc3339(datetime.fromtimestamp(0, UTC))  # of a version whose tag is gone


class Filters(BaseModel):
    """Which prompts, and which of their versions; a time is that of a version's tag."""

    page: Annotated[int, Field(ge=1)] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    name: str = ""
    label: str = ""
    tag: str = ""
    version: Annotated[int | None, Field(ge=0)] = None
    since: Annotated[Moment | None, Field(alias="fromUpdatedAt")] = None
    until: Annotated[Moment | None, Field(alias="toUpdatedAt")] = None
    filter: str = ""

    @property
    def choose_versions(self) -> bool:
        """Whether a prompt may have versions that do not pass."""
        return self != Filters(page=self.page, limit=self.limit, name=self.name)


class Row(NamedTuple):
    """A prompt, and its versions that pass the filters, the newest first."""

    name: str
    versions: list[Version]
    labels: dict[str, list[str]]  # by version


def list_prompts(service: Services, token: Token, filters: Filters) -> dict[str, Any]:
    """List a page of prompts by name.

    Raises:
        Invalid: the filter is of a kind that is not known here.
    """
    if filters.filter:
        raise Invalid("filter is not known here; use name, label, tag, fromUpdatedAt and toUpdatedAt")
    names = [name for name in service.catalog.names() if filters.name in {"", name}]
    if filters.choose_versions:
        names = [name for name in names if _matches(service, token, name, filters)]
    begin = (filters.page - 1) * filters.limit
    rows = [_row(service, token, name, filters) for name in names[begin : begin + filters.limit]]
    meta = {
        "page": filters.page,
        "limit": filters.limit,
        "totalItems": len(names),
        "totalPages": -(-len(names) // filters.limit),
    }
    return {"data": [_shown(service, row) for row in rows], "meta": meta}


def _matches(service: Services, token: Token, name: str, filters: Filters) -> bool:
    row = _row(service, token, name, filters)
    document = _document(service, row)
    return bool(row.versions) and (not filters.tag or filters.tag in prompts.tags(document))


def _row(service: Services, token: Token, name: str, filters: Filters) -> Row:
    work.check()
    labels: dict[str, list[str]] = {}
    for label, version in labelled_versions(service, token, name):
        labels.setdefault(version, []).append(label)
    if filters.label and not any(filters.label in each for each in labels.values()):
        return Row(name, [], labels)  # most of all, so its versions are not looked at
    return Row(name, [each for each in _valid(service, name) if _passes(each, labels, filters)], labels)


def _valid(service: Services, name: str) -> list[Version]:
    try:
        found = service.catalog.list(name)
    except NotFound:  # its file was found to be missing just now
        return []
    return [version for version in found if version.status != "invalid"]


def _passes(version: Version, labels: dict[str, list[str]], filters: Filters) -> bool:
    if filters.version is not None and version.number != filters.version:
        return False
    if filters.label and filters.label not in labels.get(version.version, ()):
        return False
    at = _time(version) if filters.since or filters.until else None
    return at is None or (
        (filters.since is None or filters.since <= at) and (filters.until is None or at < filters.until)
    )


def _time(version: Version) -> datetime:
    return datetime.fromisoformat(version.tagged_at or NEVER)


def _document(service: Services, row: Row) -> Document | None:
    return service.catalog.read(row.name, row.versions[0].version).document if row.versions else None


def _shown(service: Services, row: Row) -> dict[str, Any]:
    work.check()
    document = _document(service, row)
    times = [version.tagged_at or NEVER for version in row.versions]
    return {
        "name": row.name,
        "type": prompts.kind(document),
        "versions": sorted(version.number for version in row.versions if version.number is not None),
        "labels": [label for version in row.versions for label in row.labels.get(version.version, ())],
        "tags": prompts.tags(document),
        "lastUpdatedAt": max(times, key=datetime.fromisoformat, default=NEVER),
        "lastConfig": prompts.config(row.name, document) if document else {},
    }
