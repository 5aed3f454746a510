"""Compare two versions of a prompt. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from promptstage.model import dump_document
from registry.catalog import line_diff

if TYPE_CHECKING:
    from registry.catalog.version import Version


def diff(a: Version, b: Version) -> dict[str, Any]:
    """Compare two versions that were read in full.

    Returns:
        ``unified``: the difference of the files as text; ``simplified``: whether they differ so much that
        most of it is given as replaced; ``changed``: the document's fields that differ, in their order, none
        if one of the two is invalid.
    """
    lines, shortest = line_diff.unified(_lines(a), _lines(b))
    heads = [f"--- {a.name}@{a.version}", f"+++ {b.name}@{b.version}"] if lines else []
    unified = "".join(f"{line}\n" for line in heads + lines)
    return {"unified": unified, "simplified": not shortest, "changed": _changed(a, b)}


def _lines(version: Version) -> list[str]:
    return (version.content or b"").decode("utf-8", "replace").splitlines()


def _changed(a: Version, b: Version) -> list[str]:
    if a.document is None or b.document is None:
        return []
    old, new = dump_document(a.document), dump_document(b.document)
    # Compared as JSON: to Python, 1 equals true.
    return [
        key for key in old if json.dumps(old[key], sort_keys=True) != json.dumps(new[key], sort_keys=True)
    ]
