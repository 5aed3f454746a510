"""MLflow's server finds traces by the version, arm and rollout that its own SDK was given as tags."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from platform_model import serve
from platforms.mlflow_server import MLFLOW, QUIET, run
from platforms.running import PYTHON, run_page

if TYPE_CHECKING:
    from collections.abc import Iterator

OF = "x-mlflow-experiment-id=0"  # an OTLP request names the experiment
pytestmark = pytest.mark.skipif(not (PYTHON and MLFLOW), reason="make platforms")


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that has a trace of the canary, one of before the rollout, and one by OTLP."""
    with run(tmp_path_factory.mktemp("mlflow")) as address, serve() as model:
        for percent in (100, 0):
            run_page("MLflow", model, percent, python=MLFLOW, MLFLOW_TRACKING_URI=address, **QUIET)
        run_page(
            "OpenTelemetry",
            model,
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            OTEL_EXPORTER_OTLP_HEADERS=OF,
        )
        yield address


def found(address: str, condition: str) -> list[dict[str, str]]:
    """The tags of the traces that a filter finds."""
    locations = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}]
    body = json.dumps({"locations": locations, "filter": condition}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/api/3.0/mlflow/traces/search", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        traces: list[Any] = json.load(answer).get("traces", [])
    return [trace["tags"] for trace in traces]


@pytest.mark.parametrize(
    "condition",
    [
        "tags.prompt_name = 'summarize' AND tags.prompt_version = '1.3.0'",
        "tags.prompt_arm = 'canary'",
        "tags.prompt_rollout = 'r-1'",
    ],
)
def test_a_filter_finds_the_traces_of_a_version(mlflow: str, condition: str) -> None:
    """And of an arm, and of a rollout; the other trace is not among them."""
    (tags,) = found(mlflow, condition)

    assert (tags["prompt_version"], tags["prompt_arm"], tags["prompt_rollout"]) == ("1.3.0", "canary", "r-1")


def test_a_filter_finds_what_is_in_no_rollout(mlflow: str) -> None:
    """By its version and arm."""
    (tags,) = found(mlflow, "tags.prompt_version = '1.2.0' AND tags.prompt_arm = 'stable'")

    assert tags["prompt"] == "summarize@1.2.0"
    assert len(found(mlflow, "")) == 3


def test_spans_by_otlp_are_found_by_a_pattern_alone(mlflow: str) -> None:
    """It looks for the text in the JSON of a span's attributes, so `=` finds none."""
    condition = "span.attributes.promptstage.prompt {} '{}summarize@{}{}'"

    assert len(found(mlflow, condition.format("LIKE", "%", "1.3.0", "%"))) == 1
    assert found(mlflow, condition.format("LIKE", "%", "1.2.0", "%")) == []
    assert found(mlflow, condition.format("=", "", "1.3.0", "")) == []
