"""One version of a prompt: its form in the contract, and its reading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from promptstage.model import Document, dump_document
from registry.catalog.naming import SUFFIXES, number, tag_of
from registry.catalog.parsing import document as documents
from registry.catalog.parsing import partials
from registry.errors import DocumentAbsent, DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Json
    from registry.catalog.mirror.tag_info import TagInfo
    from registry.catalog.mirror.tag_reader import File
    from registry.catalog.parsing.document import Parsed


@dataclass(frozen=True, slots=True)
class Version:
    """What is known of a version.

    Attributes:
        number: the version as one integer, for protocols that know only those.
        commit: the id of the tagged commit; empty if the mirror does not have the tag.
        digest: ``sha256:<hex>`` of the content; None if it was not read, or is absent.
        tagged_at: RFC 3339; empty if the mirror does not have the tag.
        status: ``unread`` until it is read.
        problem: why it is invalid: ``message``, ``line``, ``column``, ``path``.
        document: None if it was not read, or is invalid.
        content: the file's bytes, or those of all its files (see `registry.catalog.parsing.partials`); None
            if they were not read, or are absent.
        absent: whether the tagged commit has no such file.
        partials: the paths of the files that its texts include, from the prompts folder.
    """

    name: str
    version: str
    number: int | None
    tag: str
    commit: str
    digest: str | None
    author: str
    tagged_at: str
    message: str
    status: Literal["valid", "invalid", "unread"]
    problem: Json | None = None
    warnings: tuple[str, ...] = ()
    document: Document | None = None
    content: bytes | None = None
    absent: bool = False
    partials: tuple[str, ...] = ()

    def to_json(self, *, with_document: bool) -> Json:
        """Return the version as in the contract; lists leave the document out."""
        shown = {
            "name": self.name,
            "version": self.version,
            "number": self.number,
            "tag": self.tag,
            "commit": self.commit,
            "digest": self.digest,
            "author": self.author,
            "tagged_at": self.tagged_at,
            "message": self.message,
            "status": self.status,
            "problem": self.problem,
            "warnings": list(self.warnings),
            "partials": list(self.partials),
        }
        if with_document:
            shown["document"] = dump_document(self.document) if self.document else None
        return shown

    def summary(self) -> Version:
        """Return the version without document and content, small enough to keep for all."""
        return replace(self, document=None, content=None)


def unread(name: str, version: str, about: TagInfo) -> Version:
    """Build a version of which only the tag is known."""
    return Version(
        name=name,
        version=version,
        number=number(version),
        tag=tag_of(name, version),
        commit=about.commit,
        digest=None,
        author=about.author,
        tagged_at=about.tagged_at,
        message=about.message,
        status="unread",
    )


def with_file(known: Version, file: File) -> Version:
    """Complete a version by what its tag holds."""
    content = partials.pack(file.inner, file.content, file.files)
    return _parsed(known, content, lambda: documents.parse(file.content, file.path, file.files))


def with_content(known: Version, content: bytes) -> Version:
    """Complete a version by its content that was staged."""
    return _parsed(known, content, lambda: documents.parse(content, f"{known.name}{SUFFIXES[0]}"))


def _parsed(known: Version, content: bytes, parse: Callable[[], Parsed]) -> Version:
    digest = f"sha256:{sha256(content).hexdigest()}"
    paths = tuple(partials.split(content)[1])
    known = replace(known, absent=False, content=content, digest=digest, partials=paths)
    try:
        parsed = parse()
    except DocumentInvalid as error:
        return invalid(known, error)
    warnings = tuple(str(finding) for finding in parsed.warnings)
    return replace(known, status="valid", problem=None, warnings=warnings, document=parsed.document)


def invalid(known: Version, error: DocumentInvalid) -> Version:
    """Complete a version as one that cannot be served."""
    absent = isinstance(error, DocumentAbsent)
    return replace(known, status="invalid", problem=error.extra["problem"], absent=absent)
