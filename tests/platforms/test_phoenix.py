"""Phoenix groups spans by the prompt's version that we write on them: filter and sums by its API.

`make platforms` starts a real one. Its gRPC port listens on all interfaces, whatever its host is.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from platform_model import serve
from platforms.running import PYTHON, SECONDS, free_port, run_page
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

PHOENIX = os.environ.get("PROMPTSTAGE_PHOENIX", "")
APP = Path(__file__).parent / "platform_app.py"
# What an app of OpenInference's does, the version that it was served, and how many calls that are.
DONE = {
    "openinference-openai-stream": ("1.3.0", 1),
    "openinference-openai-429": ("1.3.0", 1),
    "openinference-openai-tool": ("1.2.0", 2),
}
PAGE = {"1.3.0": 100, "1.2.0": 0}  # the share of users at which the page's app gets a version; one call each
SUMS = """query ($condition: String!) {
  projects { edges { node {
    recordCount(filterCondition: $condition)
    tokenCountTotal(filterCondition: $condition)
    spanLatencyMsQuantile(probability: 0.5, filterCondition: $condition)
  } } }
}"""
pytestmark = pytest.mark.skipif(not (PYTHON and PHOENIX), reason="make platforms")


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that has all spans."""
    folder = tmp_path_factory.mktemp("phoenix")
    address = f"http://127.0.0.1:{free_port()}"
    variables = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": address.rpartition(":")[2],
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PHOENIX, "serve"], env=os.environ | variables, stdout=log, stderr=log)
    try:
        until(lambda: answers(address), "Phoenix", patience=SECONDS)
        with serve() as model:
            for name in DONE:
                sent = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
                subprocess.run([PYTHON, APP, name, model], env=sent, check=True, timeout=SECONDS)
            for percent in PAGE.values():
                run_page("Phoenix", model, percent, PHOENIX_COLLECTOR_ENDPOINT=address)
        until(
            lambda: len(spans(address, prompt="summarize@1.2.0")) == 3 or None, "all spans", patience=SECONDS
        )
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool | None:
    """Whether it is there."""
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5):
            return True
    except OSError:
        return None


def asked(request: str | urllib.request.Request) -> Any:
    """Its answer."""
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def spans(address: str, **attribute: str) -> list[Any]:
    """The calls with an attribute of ours, by its filter."""
    ((name, value),) = attribute.items()
    wanted = quote(f"promptstage.{name}:{value}")
    found: list[Any] = asked(f"{address}/v1/projects/default/spans?limit=100&attribute={wanted}")["data"]
    return found


def sums(address: str, condition: str) -> tuple[int, int]:
    """How many calls and tokens its GraphQL counts by a condition."""
    body = json.dumps({"query": SUMS, "variables": {"condition": condition}}).encode()
    headers = {"Content-Type": "application/json"}
    answer = asked(urllib.request.Request(f"{address}/graphql", body, headers))
    (edge,) = answer["data"]["projects"]["edges"]
    return edge["node"]["recordCount"], edge["node"]["tokenCountTotal"]


@pytest.mark.parametrize("version", ["1.2.0", "1.3.0"])
def test_a_filter_finds_the_calls_of_a_version(phoenix: str, version: str) -> None:
    """All of them, and none of another."""
    found = spans(phoenix, prompt=f"summarize@{version}")

    assert len(found) == 1 + sum(calls for served, calls in DONE.values() if served == version)
    assert {span["attributes"]["promptstage.prompt"] for span in found} == {f"summarize@{version}"}


@pytest.mark.parametrize("attribute", [{"arm": "canary"}, {"rollout": "r-1"}])
def test_a_filter_finds_the_calls_of_an_arm_and_of_a_rollout(phoenix: str, attribute: dict[str, str]) -> None:
    """That of the page's app; the others were in no rollout."""
    (span,) = spans(phoenix, **attribute)

    assert span["attributes"]["promptstage.prompt"] == "summarize@1.3.0"


def test_sums_by_version(phoenix: str) -> None:
    """Of calls and tokens; a name with dots is a path there."""
    versions = ("1.2.0", "1.3.0", "9.9.9")
    condition = "attributes['promptstage']['prompt'] == 'summarize@{}'"
    found = {version: sums(phoenix, condition.format(version)) for version in versions}

    assert found == {"1.2.0": (3, 432), "1.3.0": (3, 288), "9.9.9": (0, 0)}
    assert sums(phoenix, "attributes['promptstage']['arm'] == 'canary'") == (1, 144)
