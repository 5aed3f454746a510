"""Node's instrumentations still send what was recorded, and a registry counts it by version and arm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from otlp_vectors import ENTRIES, calls, expected, shown
from pages.markdown import blocks
from platforms.platform_app import CANARY
from platforms.recorder import record
from platforms.running import SECONDS
from platforms.test_platforms import by_tools, comparable
from service.test_otlp import settle
from support import PromptRepository, Registry

from registry.outcomes.otlp import decode, observe

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = shutil.which("node")
MODULES = os.environ.get("PROMPTSTAGE_NODE", "")
RECORDINGS = [name for name in ENTRIES if name.startswith("node-")]
pytestmark = pytest.mark.skipif(not (NODE and MODULES), reason="make platforms, where Node is installed")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One with a rollout under way, of which each user is in an arm."""
    folder = tmp_path_factory.mktemp("registry")
    repository = PromptRepository(folder / "repository")
    for version in ("1.2.0", "1.3.0"):
        repository.tag("summarize", version)
    found = Registry(repository.path, folder / "data")
    found.api.act("promote", "summarize", {"version": "1.2.0"})
    found.api.act("start", "summarize", {"version": "1.3.0", "steps": [{"percent": 50}]})
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's lines, and what is done with them."""
    (block,) = blocks("docs/platforms.md", "js")
    file = tmp_path_factory.mktemp("node") / "app.cjs"
    file.write_text(block.text + (Path(__file__).parent / "node/app.cjs").read_text())
    return file


def user_in(registry: Registry, arm: str) -> str:
    """The key of a user of an arm."""
    path = "/v1/environments/production/resolve/summarize?key={}"
    return next(key for key in map(str, range(100)) if registry.api.get(path.format(key)).json["arm"] == arm)


def run(app: Path, registry: Registry, name: str, model: str, endpoint: str) -> None:
    """Do what was recorded, as a user of the arm that it was recorded of."""
    arm = "canary" if any(word in name for word in CANARY) else "control"
    variables = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": MODULES,
        "PROMPTSTAGE_URL": registry.url,
        "PROMPTSTAGE_TOKEN": registry.api.token,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{registry.api.token}",
    }
    command = [str(NODE), str(app), name, model, user_in(registry, arm)]
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", RECORDINGS)
def test_it_still_sends_what_was_recorded(app: Path, registry: Registry, model: str, name: str) -> None:
    """A call is read as the recorded one, with the version that the registry served."""
    with record({}) as recorder:
        run(app, registry, name, model, recorder.url)
    bodies = recorder.bodies("/v1/traces")
    spans = [observe.observe(span) for body in bodies for span in decode.spans(body, as_json=True)]
    found, recorded = shown(calls(spans, {})), expected(ENTRIES[name])

    assert sorted(map(comparable, found), key=by_tools) == sorted(map(comparable, recorded), key=by_tools)


def test_a_registry_counts_them_by_version_arm_and_rollout(app: Path, registry: Registry, model: str) -> None:
    """With their tokens."""
    for name in ("node-otel-tool", "node-vercel-stream"):
        run(app, registry, name, model, registry.url)
    settle(registry)
    rollout = registry.api.state("summarize")["rollout"]["id"]
    path = "/v1/environments/production/usage?by=version,arm,rollout"
    rows: list[Any] = json.loads(registry.api.get(path).text)["data"]
    found = {(row["version"], row["arm"], row["rollout"]): row["input_tokens"] for row in rows}

    assert found == {("1.2.0", "control", rollout): 120, ("1.3.0", "canary", rollout): 120}
