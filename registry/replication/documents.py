"""The documents of versions: from the journal once staged, else from the catalog."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from promptstage.model import Served
from registry.catalog import naming
from registry.catalog.parsing import document
from registry.errors import Unavailable

if TYPE_CHECKING:
    from registry.catalog.catalog import Catalog
    from registry.journal.journal import Journal
    from registry.rollouts.state import VersionRef

KEPT = 2000  # documents in use at once, some 10 KB each


class Documents:
    """Reads and caches the documents of releases, each checked against its digest."""

    def __init__(self, journal: Journal, catalog: Catalog) -> None:
        self._journal = journal
        self._catalog = catalog
        self._kept: OrderedDict[tuple[str, str, str], Served] = OrderedDict()
        self._lock = Lock()

    def load(self, prompt: str, ref: VersionRef) -> Served:
        """Return the document of a staged version.

        Raises:
            Unavailable: neither the journal nor the repository has its bytes (`content_missing`).
        """
        key = (prompt, ref.version, ref.digest)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        parsed = document.parse(self._content(prompt, ref), f"{prompt}.prompt.yml")
        served = Served(ref.version, naming.number(ref.version), ref.digest, ref.commit, parsed.document)
        with self._lock:
            self._kept[key] = served
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return served

    def _content(self, prompt: str, ref: VersionRef) -> bytes:
        content = self._journal.staged(prompt, ref.version)
        if content is None:
            content = self._catalog.read(prompt, ref.version).content or b""
        if f"sha256:{sha256(content).hexdigest()}" != ref.digest:
            raise Unavailable(
                f"the bytes of {prompt}@{ref.version} that were staged ({ref.digest}) are not here",
                code="content_missing",
            )
        return content
