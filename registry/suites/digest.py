"""The identity of a suite: a digest of all that its verdicts depend on beside the prompt. Pure.

It is the SHA-256 over ``path NUL length NUL bytes``, as in the content of a version with partials: first of
the file of cases, then of each rubric in bytewise order of the paths, which begin at the prompts folder,
then of ``testData`` and ``evaluators`` of the prompt's file, under these names, as canonical JSON. What is
absent is left out. Canonical JSON is UTF-8 with keys in the order of their characters, without spaces, and
numbers as they are written.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.catalog.parsing.nodes import Node
    from registry.catalog.parsing.strict_yaml import Source

CASES = ".cases.jsonl"  # after the name of a prompt: its file of cases
DATA = ("testData", "evaluators")
EMPTY = f"sha256:{hashlib.sha256().hexdigest()}"  # of a suite without anything


def suite_digest(files: Mapping[str, bytes], test_data: str | None, evaluators: str | None) -> str:
    """Return ``sha256:<hex>`` of a suite; of an empty one it is the digest of no bytes.

    Args:
        files: the file of cases and the rubrics, by path from the prompts folder.
        test_data: `testData` of the prompt's file as canonical JSON; None if the file has none.
        evaluators: likewise.
    """
    digest = hashlib.sha256()
    for path, data in _ordered(files, dict(zip(DATA, (test_data, evaluators), strict=True))):
        digest.update(b"%s\0%d\0%s" % (path, len(data), data))
    return f"sha256:{digest.hexdigest()}"


def canonical(source: Source, key: str) -> str | None:
    """Return the value of a key of a prompt's file as canonical JSON; None if it has none."""
    node = source.top.get(key)
    return None if node is None or node.value is None else _canonical(source, node)


def _ordered(files: Mapping[str, bytes], data: Mapping[str, str | None]) -> Iterator[tuple[bytes, bytes]]:
    paths = sorted(files, key=lambda path: (not path.endswith(CASES), path.encode()))
    yield from ((path.encode(), files[path]) for path in paths)
    yield from ((name.encode(), text.encode()) for name, text in data.items() if text is not None)


def _canonical(source: Source, node: Node) -> str:
    value = node.value
    if isinstance(value, dict):
        inner = (f"{_text(key)}:{_canonical(source, value[key])}" for key in sorted(value))
        return f"{{{','.join(inner)}}}"
    if isinstance(value, list):
        return f"[{','.join(_canonical(source, each) for each in value)}]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return source.written(node)
    return _text(value)


def _text(value: str | bool | None) -> str:
    return json.dumps(value, ensure_ascii=False)
