"""Export calls: JSON lines, or Parquet with an extra of the distribution."""

from __future__ import annotations

import json
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.cli.observe.columns import COLUMNS
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from promptstage.model import Json

AT_ONCE = 10_000  # rows of a group in Parquet: some megabytes of memory
PARQUET, LINES = ".parquet", ".jsonl"


def line(value: object) -> str:
    """Write a value as one line of JSON."""
    return json.dumps(value, separators=(",", ":"))


def write(path: Path, calls: Iterable[Json]) -> int:
    """Write calls to a file, in the format that its name says; return how many. Raises Invalid.

    Each has all columns, null where nothing is known, so that a query does not depend on what was reported.
    """
    if path.suffix == PARQUET:
        return _parquet(path, calls)
    if path.suffix != LINES:
        raise Invalid(f"{path}: name a file that ends in {LINES} or {PARQUET}")
    count = 0
    with path.open("w", encoding="ascii") as file:
        for count, call in enumerate(calls, 1):  # noqa: B007 - it is what is returned
            file.write(line({name: call.get(name) for name in COLUMNS}) + "\n")
    return count


def _parquet(path: Path, calls: Iterable[Json]) -> int:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise Invalid("Parquet needs pyarrow: install promptstage-registry[parquet]") from error
    schema = arrow.schema([(name, getattr(arrow, of.arrow)()) for name, of in COLUMNS.items()])
    rows, count = iter(calls), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while part := list(islice(rows, AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist([_flat(call) for call in part], schema))
            count += len(part)
    return count


def _flat(call: Json) -> dict[str, Any]:
    """Return a call with what has a form of its own as JSON text."""
    return {
        name: line(value) if isinstance(value, dict | list) else value
        for name, value in call.items()
        if name in COLUMNS
    }
