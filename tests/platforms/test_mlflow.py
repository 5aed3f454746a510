"""MLflow's server finds traces by the version, arm and rollout that its own SDK was given as tags."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from platform_model import serve
from platforms.running import free_port, run_page
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

MLFLOW = os.environ.get("PROMPTSTAGE_MLFLOW", "")
pytestmark = pytest.mark.skipif(not MLFLOW, reason="make platforms")


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that has a trace of the canary, and one of before the rollout."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    command = [MLFLOW, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder),
    ]
    quiet = {
        "MLFLOW_TELEMETRY_OPTOUT": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until(lambda: answers(address), "MLflow", patience=180)
        with serve() as model:
            for percent in (100, 0):
                run_page("MLflow", model, percent, python=MLFLOW, MLFLOW_TRACKING_URI=address, **quiet)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its workers are processes, too
        process.wait()


def answers(address: str) -> bool | None:
    """Whether it is there."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
    except OSError:
        return None


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
    assert len(found(mlflow, "")) == 2
