"""``promptstage budget``, against a real registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from cli.shell import Cli
from outcomes_in import record
from support import PromptRepository, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = """
[[budgets]]
environment = "production"
prompt = "summarize"
period = "day"
usd = 4

[[budgets]]
environment = "production"
period = "month"
usd = 1000

[[alerts]]
environment = "production"
metric = "error_rate"
above = 0.5
minimum = 2
"""


@pytest.fixture(scope="module")
def budgeted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with budgets, and four calls for a dollar, of which one has no price."""
    folder = tmp_path_factory.mktemp("budgeted")
    author = PromptRepository(folder / "repository")
    author.tag("summarize", "1.2.0")
    (folder / "rules.toml").write_text(RULES)
    registry = Registry(author.path, folder / "data", config=str(folder / "rules.toml"))
    calls = [record(cost_usd=1.0, error="Timeout") for _ in range(3)]
    body = {"batch": str(uuid4()), "calls": [*calls, record(cost_usd=None, model="ours")]}
    path = "/v1/environments/production"
    assert registry.api.call("POST", f"{path}/calls", body).status == 200
    until(lambda: registry.api.get(f"{path}/budgets").json["data"][0]["calls"] == 4, "the fold")
    yield registry
    registry.kill()


@pytest.fixture
def reader(budgeted: Registry, tmp_path: Path) -> Cli:
    """The command line of somebody who looks."""
    return Cli(tmp_path, PROMPTSTAGE_URL=budgeted.url, PROMPTSTAGE_TOKEN=budgeted.api.token)


def test_what_is_spent(reader: Cli) -> None:
    """Of each budget, and what the alerts see."""
    done = reader("budget")
    lines = done.out.splitlines()

    assert lines[0].split() == ["BUDGET", "PERIOD", "SPENT", "OF", "SHARE", "UNTIL"]
    assert lines[1].split()[:6] == ["summarize", "day", "$3.00", "$4.00", "75%", "█" * 9]
    assert lines[2].split()[:6] == ["all", "calls", "month", "$3.00", "$1000.00", "0%"]
    assert lines[-1].split() == ["all", "calls", "error_rate", "1h", "75%", "50%", "above"]
    assert "1 of 4 calls of summarize have no known cost" in done.err


def test_for_programs(reader: Cli) -> None:
    """As the registry answers."""
    told = json.loads(reader("budget", "--json").out)

    assert [budget["spent_usd"] for budget in told["budgets"]] == [3.0, 3.0]
    assert told["alerts"][0]["state"] == "high"


def test_where_there_is_none(reader: Cli) -> None:
    """That is said, and is no error."""
    done = reader("budget", "-e", "staging")

    assert (done.code, "has no budget and no alert for staging" in done.err) == (0, True)
