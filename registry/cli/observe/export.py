"""Export calls: JSON lines, or Parquet with an extra of the distribution."""

from __future__ import annotations

import json
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

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
    """Write calls to a file, in the format that its name says; return how many. Raises Invalid."""
    if path.suffix == PARQUET:
        return _parquet(path, calls)
    if path.suffix != LINES:
        raise Invalid(f"{path}: name a file that ends in {LINES} or {PARQUET}")
    count = 0
    with path.open("w", encoding="ascii") as file:
        for count, call in enumerate(calls, 1):  # noqa: B007 - it is what is returned
            file.write(line(call) + "\n")
    return count


def _parquet(path: Path, calls: Iterable[Json]) -> int:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise Invalid("Parquet needs pyarrow: install promptstage-registry[parquet]") from error
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in COLUMNS.items()])
    rows, count = iter(calls), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while part := list(islice(rows, AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist([_flat(call) for call in part], schema))
            count += len(part)
    return count


# What a call may have, in types that every reader knows; what has a form of its own is JSON text.
COLUMNS = {
    **dict.fromkeys(
        (
            "id", "at", "arrived_at", "environment", "prompt", "version", "arm", "reason", "rollout",
            "source", "model", "response_model", "provider", "error", "finish_reason", "route", "segment",
            "conversation", "trace_id", "span_id", "response_id", "price", "via",
        ),
        "string",
    ),
    **dict.fromkeys(
        ("seq", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"), "int64"
    ),
    **dict.fromkeys(("cost_usd", "duration_ms", "ttft_ms"), "float64"),
    **dict.fromkeys(("format_error", "ended", "sampled", "erased"), "bool_"),
    **dict.fromkeys(("parameters", "contexts", "tool_calls", "flags", "feedback", "scores"), "string"),
}  # fmt: skip


def _flat(call: Json) -> dict[str, Any]:
    return {
        name: line(value) if isinstance(value, dict | list) else value
        for name, value in call.items()
        if name in COLUMNS
    }
