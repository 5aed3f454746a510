"""Prometheus scrapes a registry and an app: each query of the dashboard finds series, each alert is read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import yaml
from outcomes_in import record
from pages.markdown import blocks
from platform_model import serve
from platforms.running import APP, SECONDS, free_port, page_environment
from service.conftest import fill
from service.test_deploy import ALERTS, DEPLOY, strings
from support import PromptRepository, Registry, until

from registry.journal.maintenance import mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROMETHEUS = shutil.which("prometheus") if os.environ.get("PROMPTSTAGE_PLATFORMS") else None
pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="make platforms, where Prometheus is installed")
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
EXPRESSIONS = sorted(set(strings(DASHBOARD, "expr")))
VARIABLES = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
SCRAPE = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{alerts}]
scrape_configs:
  - job_name: promptstage
    authorization: {{credentials: {token}}}
    static_configs: [{{targets: ["{registry}"]}}]
  - job_name: app
    static_configs: [{{targets: ["127.0.0.1:{app}"]}}]
"""
# Empty on good days.
ON_BAD_DAYS = {'promptstage_sync_error{job=~"$job"} > 0'}
ASK = "http://127.0.0.1:{}/api/v1/{}?{}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One with a mirror, a target that takes no message, and a rollout under way."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "url").write_text("http://127.0.0.1:9/")  # where nothing listens
    config = folder / "config.toml"
    config.write_text(f'[notify.ops]\nurl_file = "{folder}/url"\nformat = "json"\nevents = ["rollout.*"]\n')
    repository = fill(PromptRepository(folder / "repository"))
    found = Registry(repository.path, folder / "data", config=str(config))
    mirror.remember(found.data, str(folder / "mirror.git"))
    found.api.act("promote", "summarize", {"version": "1.0.0"})
    steps = [{"percent": 50, "hold": "1h"}, {"percent": 100}]
    assert found.api.act("start", "summarize", {"version": "1.1.0", "steps": steps}).status == 200
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture(scope="module")
def ask(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Ask a Prometheus that has scraped the registry and an app through some traffic."""
    folder, port, app = tmp_path_factory.mktemp("prometheus"), free_port(), free_port()
    config = folder / "prometheus.yml"
    target = registry.url.removeprefix("http://")
    config.write_text(SCRAPE.format(alerts=ALERTS, token=registry.api.token, registry=target, app=app))
    command = [str(PROMETHEUS), f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]

    def asked(kind: str, **query: str) -> Any:
        with urllib.request.urlopen(ASK.format(port, kind, urlencode(query)), timeout=30) as answer:
            return json.load(answer)["data"]

    with (folder / "log").open("wb") as log, serve() as model:
        variables = page_environment(model) | {"METRICS_PORT": str(app)}
        shown = subprocess.Popen(
            [sys.executable, APP, "Prometheus", "100"], env=variables, stdin=subprocess.PIPE
        )
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until(lambda: scraped(asked, "up == 1") >= 2 or None, "both targets", patience=SECONDS)
            traffic(
                registry,
                lambda: until(lambda: scraped(asked, SEEN) or None, "a scrape of it", patience=SECONDS),
            )
            yield asked
        finally:
            process.terminate()
            shown.communicate()
            process.wait()


SEEN = 'promptstage_calls_total{arm="canary"} > 0'


def scraped(ask: Callable[..., Any], query: str) -> int:
    """How many series a query finds; 0 while Prometheus does not answer."""
    try:
        return len(ask("query", query=query)["result"])
    except OSError:
        return 0


def traffic(registry: Registry, wait: Callable[[], object]) -> None:
    """Let some things happen, and, once they were scraped, all of them again: a rate needs two samples."""
    happen(registry)
    wait()
    happen(registry)


def happen(registry: Registry) -> None:
    """Calls of both arms, one of which fails and has no price; decisions, a refusal, and changes."""
    api = registry.api
    arms: list[dict[str, Any]] = [
        {"version": "1.0.0", "arm": "control"},
        {"version": "1.1.0", "arm": "canary"},
    ]
    calls = [record(**arm) for arm in arms for _ in range(3)]
    calls.append(record(**arms[1], error="RateLimitError", cost_usd=None))
    body = {"batch": str(uuid4()), "calls": calls}
    assert api.call("POST", "/v1/environments/production/calls", body).status == 200
    for key in "abcdefgh":
        assert api.get(f"/v1/environments/production/resolve/summarize?key={key}").status == 200
    assert api.get("/v1/prompts/nobody").status == 404
    assert api.act("pause", "summarize").status == 200
    assert api.act("resume", "summarize").status == 200


def filled(expression: str) -> str:
    """A query as Grafana asks it with all values chosen."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "1m"))


def numbers(ask: Callable[..., Any], query: str) -> list[Any]:
    """The series that a query finds, each with a number."""
    return [series for series in ask("query", query=query)["result"] if series["value"][1] != "NaN"]


@pytest.mark.parametrize("expression", [each for each in EXPRESSIONS if each not in ON_BAD_DAYS])
def test_every_query_of_the_dashboard_finds_something(ask: Callable[..., Any], expression: str) -> None:
    """With numbers in it, so that its panel is not empty."""
    until(lambda: numbers(ask, filled(expression)) or None, expression, patience=30)


@pytest.mark.parametrize("name", [variable["name"] for variable in VARIABLES])
def test_every_variable_has_values(ask: Callable[..., Any], name: str) -> None:
    """Those of the label that it is of."""
    (query,) = [each["definition"] for each in VARIABLES if each["name"] == name]
    series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()  # type: ignore[union-attr]

    assert ask(f"label/{label}/values", **{"match[]": filled(series)})


def test_calls_are_told_apart_by_version_arm_and_rollout(registry: Registry, ask: Callable[..., Any]) -> None:
    """By the panel of rollouts under way, whose error rates are those of the calls."""
    rollout = registry.api.state("summarize")["rollout"]["id"]
    (panel,) = [panel for panel in DASHBOARD["panels"] if panel["title"].startswith("Rollouts under way")]
    (errors,) = [target["expr"] for target in panel["targets"] if target["refId"] == "errors"]
    found = {
        (of["version"], of["arm"], of["rollout"]): round(float(series["value"][1]), 2)
        for series in numbers(ask, filled(errors))
        for of in [series["metric"]]
    }

    assert found == {("1.0.0", "control", rollout): 0, ("1.1.0", "canary", rollout): 0.25}


def test_the_query_of_the_page_joins_the_rollout(registry: Registry, ask: Callable[..., Any]) -> None:
    """With each arm."""
    (block,) = blocks("docs/platforms.md", "promql")
    rollout = registry.api.state("summarize")["rollout"]["id"]
    found = [series["metric"] for series in numbers(ask, block.text)]

    assert {(of["arm"], of["rollout"]) for of in found} == {("control", rollout), ("canary", rollout)}


def test_every_alert_can_be_evaluated(ask: Callable[..., Any]) -> None:
    """By this Prometheus, over these series."""
    written = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]

    assert len(rules) == len(written)
    assert {rule["health"] for rule in rules} == {"ok"}


def test_an_app_has_the_version_on_its_own_metrics(ask: Callable[..., Any]) -> None:
    """As the page shows it."""
    (series,) = numbers(ask, 'llm_calls_total{prompt_version="1.3.0",prompt_arm="canary"}')

    assert series["metric"]["prompt_name"] == "summarize"
    assert series["value"][1] == "1"
