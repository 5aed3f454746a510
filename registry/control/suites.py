"""The digest of a version's suite, from the files at the version's own commit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from registry.errors import GitFailed, Unavailable
from registry.suites import cases
from registry.suites.digest import EMPTY

if TYPE_CHECKING:
    from registry.catalog.catalog import Catalog
    from registry.catalog.mirror.suite_reader import SuiteFiles
    from registry.replication.replica import Replica
    from registry.rollouts.state import VersionRef

KEPT = 2000  # digests, some 200 bytes each


class Suites:
    """Reads and remembers the digests of suites; any thread may use it."""

    def __init__(self, catalog: Catalog, replica: Replica) -> None:
        self._catalog = catalog
        self._replica = replica
        self._remembered = lru_cache(KEPT)(self._read)

    def digest(self, prompt: str, ref: VersionRef) -> str | None:
        """Return the digest of a version's suite; None: it has no cases.

        The prompt's file is the one that was staged, or will be; cases and rubrics are those of its commit.

        Raises:
            Unavailable: the mirror does not have that commit, or fetches it just now (`being_fetched`).
            DocumentInvalid: a file of the suite cannot be read.
        """
        return self._remembered(prompt, ref)

    def _read(self, prompt: str, ref: VersionRef) -> str | None:
        if not ref.commit:
            raise Unavailable(
                f"the suite of {prompt}@{ref.version} is not known, as the repository lost its tag",
                code="content_missing",
            )
        content = self._replica.staged(prompt, ref.version)
        if content is None:
            content = self._catalog.read(prompt, ref.version).content or b""
        found = self._files(prompt, ref, content)
        digest = cases.digest_of(found.path, content, found.beside)
        return None if digest == EMPTY else digest

    def _files(self, prompt: str, ref: VersionRef, content: bytes) -> SuiteFiles:
        try:
            return self._catalog.mirror.suite(
                ref.commit, prompt, lambda path, beside: cases.wanted(path, content, beside)
            )
        except GitFailed as error:
            if error.code != "being_fetched":
                raise
            message = f"the suite of {prompt}@{ref.version} is being fetched; try again in a moment"
            raise Unavailable(message, code=error.code) from error
