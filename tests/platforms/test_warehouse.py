"""Calls as JSON lines in a warehouse, as `docs/platforms.md` shows: a registry's, and an app's own."""

from __future__ import annotations

import json
import logging
import subprocess
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from client.fake_registry import release
from outcomes_in import record
from pages.markdown import blocks
from pages.running import environment, shell
from platforms.running import PYTHON
from service.conftest import fill
from support import PromptRepository, Registry, until

from promptstage import logs
from promptstage.testing import Client
from registry.cli.observe.columns import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

ASK = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.stdin.read()).fetchall()))"
EXPORTED, LOGGED = blocks("docs/platforms.md", "sql")
PAGE = "docs/platforms.md"
pytestmark = pytest.mark.skipif(not PYTHON, reason="make platforms")


def rows(query: str, folder: Path) -> list[list[Any]]:
    """What DuckDB finds in the files of a folder."""
    done = subprocess.run(
        [PYTHON, "-c", ASK], input=query, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return found


def test_exported_calls_are_summed_up_by_version_and_arm(tmp_path: Path) -> None:
    """And by rollout; nothing of the query depends on what apps happened to report."""
    registry = Registry(fill(PromptRepository(tmp_path / "repository")).path, tmp_path / "data")
    canary: dict[str, Any] = {"version": "1.1.0", "arm": "canary", "rollout": "r-1", "cost_usd": 0.002}
    calls = [record(version="1.0.0"), record(**canary), record(**canary, error="RateLimitError")]
    body = {"batch": str(uuid4()), "calls": calls}
    variables = {"PROMPTSTAGE_URL": registry.url, "PROMPTSTAGE_TOKEN": registry.api.token}
    (export,) = blocks(PAGE, "sh")
    try:
        path = "/v1/environments/production/calls"
        assert registry.api.call("POST", path, body).status == 200
        until(lambda: len(registry.api.get(path).json["data"]) == 3 or None, "the fold")
        shell(export.text, tmp_path, environment(tmp_path, **variables))
    finally:
        registry.stop()

    assert rows(EXPORTED.text, tmp_path) == [
        ["1.0.0", "stable", None, 1, 0, 0.001, 500],
        ["1.1.0", "canary", "r-1", 2, 0.5, 0.002, 500],
    ]


def test_calls_in_an_apps_log_are_counted_by_version_and_arm(tmp_path: Path) -> None:
    """Among other lines; the fields of a call are those of the export."""
    handler = logging.FileHandler(tmp_path / "app.jsonl")
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("promptstage.calls")
    logging.getLogger("app").addHandler(handler)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    for served in (release(), release(candidate="1.3.0", percent=100)):
        with Client.of({"summarize": served}).call("summarize", key="user-42"):
            logging.getLogger("app").warning("at work", extra={"ticket": 4711})
    logger.removeHandler(handler)
    logging.getLogger("app").removeHandler(handler)
    handler.close()

    assert rows(LOGGED.text, tmp_path) == [["1.2.0", "stable", None, 1], ["1.3.0", "canary", "r-1", 1]]
    lines = map(json.loads, (tmp_path / "app.jsonl").read_text().splitlines())
    of_calls = {name for line in lines if line["logger"] == "promptstage.calls" for name in line}
    stamp = {"prompt_name", "prompt_version", "prompt_arm", "prompt_rollout"}
    assert of_calls - COLUMNS.keys() == {"time", "level", "logger", "message", *stamp}
