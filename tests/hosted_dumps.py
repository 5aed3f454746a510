"""What the tests of importers of hosted tools share: dumps in, versions out, and how they render here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptstage.structured_rendering import make_renderer
from registry.catalog.parsing import document
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.importers.imported import Reader

VECTORS = Path(__file__).parent / "vectors/importers"
HISTORY = 200  # versions of a prompt in the tests of whole histories


def vector(name: str) -> Any:
    """Return what a file of `tests/vectors/importers` holds: the tools' own code made it."""
    return json.loads((VECTORS / name).read_text())


def versions(read: Reader, *entries: Any) -> list[Imported]:
    """Read a dump of which nothing is refused."""
    found = list(read({"dump.json": json.dumps(entries).encode()}))
    assert [each for each in found if isinstance(each, Refused)] == []
    return [each for each in found if isinstance(each, Imported)]


def refusals(read: Reader, *entries: Any) -> list[Refused]:
    """Read a dump of which all is refused."""
    found = list(read({"dump.json": json.dumps(entries).encode()}))
    assert [each for each in found if isinstance(each, Imported)] == []
    return [each for each in found if isinstance(each, Refused)]


def rendered(item: Imported, values: Mapping[str, Any]) -> list[Any]:
    """Render a version as an app does."""
    parsed = document.parse(json.dumps(item.document).encode(), f"{item.name}.prompt.yml").document
    return list(make_renderer(item.name, parsed).messages(values))


def texts(item: Imported) -> list[Any]:
    """Return the contents of a version's messages."""
    return [message["content"] for message in item.document["messages"]]
