"""``usage``, ``calls`` and ``call``: what a terminal and a program get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from outcomes_in import record
from support import until

from registry.cli.observe import picture
from registry.cli.observe.columns import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli
    from support import Registry


@pytest.fixture
def sent(served: Registry, manager: Cli) -> list[dict[str, Any]]:
    """Three calls of two versions, which were reported to the manager's environment, and are folded."""
    calls = [
        record(version="1.1.0"),
        record(version="1.1.0", error="RateLimitError", cost_usd=None, model="nobody-knows-it"),
        record(version="1.2.0", duration_ms=4100, model="gpt\x1b[31m"),
    ]
    path = f"/v1/environments/{manager.environment['PROMPTSTAGE_ENVIRONMENT']}/calls"
    served.api.call("POST", path, {"batch": str(uuid4()), "calls": calls})
    until(lambda: len(served.api.get(path).json["data"]) == len(calls), "the calls")
    return calls


def test_usage_by_version(manager: Cli, sent: object) -> None:
    """A row for each, with a bar, and what has no price is named."""
    done = manager("usage", "summarize")
    lines = [line.split() for line in done.out.splitlines()]

    assert lines[0] == ["VERSION", "CALLS", "ERRORS", "TOKENS", "IN", "OUT", "COST", "P50", "P95", "FEEDBACK"]
    assert lines[1][:6] == ["1.1.0", "2", "█" * 12, "50.0", "%", "200"]
    assert lines[2][:3] == ["1.2.0", "1", "█" * 6]
    assert "4.1 s" in done.out or "4.0 s" in done.out
    assert "the cost of 1 call is missing here" in done.err


def test_usage_as_a_picture(manager: Cli, sent: object, tmp_path: Path) -> None:
    """Bars of calls, errors, p95 and cost; a name cannot become markup, and what is not known has no bar."""
    manager("usage", "summarize", "--by", "version,model", "--svg", tmp_path / "usage.svg")
    root = ET.parse(tmp_path / "usage.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))

    assert texts[:2] == [f"summarize in {manager.environment['PROMPTSTAGE_ENVIRONMENT']}", "1.1.0 gpt"]
    assert {"calls", "errors", "p95", "cost a call", "100.0 %", "$0.001", "-"} <= set(texts)
    assert len(bars) == 1 + 3 * 4 - 1

    rows = [{"calls": 0, "errors": 0, "p95_ms": None, "cost_usd": None, "unpriced": 0}]
    assert "&lt;b&gt;" in picture.draw("<b>", ["x" * 99], rows)


def test_usage_for_a_program(manager: Cli, sent: object) -> None:
    """As the registry answers it, all pages in one."""
    rows = json.loads(manager("usage", "--by", "version,model", "--period", "day", "--json").out)["data"]

    assert sum(row["calls"] for row in rows) == 3
    assert {row["version"] for row in rows} == {"1.1.0", "1.2.0"}


def test_calls_are_listed(manager: Cli, sent: list[dict[str, Any]]) -> None:
    """Newest first, one a line, with the id that `call` takes."""
    lines = manager("calls").out.splitlines()

    assert lines[0].split() == ["AT", "VERSION", "ARM", "MODEL", "TOOK", "TOKENS", "COST", "ERROR", "ID"]
    assert {line.split()[-1] for line in lines[1:]} == {call["id"] for call in sent}
    assert r"gpt\x1b[31m" in manager("calls", FORCE_COLOR="1").out


def test_calls_can_be_narrowed(manager: Cli, sent: list[dict[str, Any]]) -> None:
    """To those that failed, to a prompt, to a time."""
    failed = json.loads(manager("calls", "summarize", "--errors", "--since", "1h", "--json").out)["data"]

    assert [call["id"] for call in failed] == [sent[1]["id"]]
    assert "no such call" in manager("calls", "--flag", "late").err


def test_one_call_is_shown(manager: Cli, sent: list[dict[str, Any]]) -> None:
    """All that was reported of it."""
    done = manager("call", sent[1]["id"])

    assert "error:" in done.out
    assert "RateLimitError" in done.out
    assert done.out.splitlines()[0].split() == ["id:", sent[1]["id"]]


def test_calls_are_exported_as_lines(manager: Cli, sent: list[dict[str, Any]], tmp_path: Path) -> None:
    """One JSON object each, whatever reads them next; a format that nobody knows is refused."""
    file = tmp_path / "calls.jsonl"
    done = manager("calls", "--export", str(file))

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["id"] for line in lines} == {call["id"] for call in sent}
    assert {tuple(line) for line in lines} == {tuple(COLUMNS)}  # all of them, also where nothing is known
    shown = json.loads(manager("calls", "--json").out)["data"]
    assert {name for call in shown for name in call} <= COLUMNS.keys()
    assert "3 calls are in" in done.err
    assert manager("calls", "--export", "calls.xml").err.startswith("Error: calls.xml: name a file")


def test_calls_are_exported_as_parquet(manager: Cli, sent: list[dict[str, Any]], tmp_path: Path) -> None:
    """With columns of their own types."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "calls.parquet"
    manager("calls", "--export", str(file))
    rows = parquet.read_table(file).to_pylist()

    assert {row["id"] for row in rows} == {call["id"] for call in sent}
    assert {row["input_tokens"] for row in rows} == {100}


def test_without_calls_a_note_says_so(manager: Cli) -> None:
    """Rather than an empty table."""
    assert "no calls were reported" in manager("usage").err
    assert "no such call" in manager("calls").err
