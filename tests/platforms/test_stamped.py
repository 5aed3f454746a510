"""Spans that are made in other threads than the call, and a provider that lets go of what it has."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from platform_model import CHAT_USAGE, serve
from platforms.running import PYTHON, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path(__file__).parent / "stamped_app.py"
pytestmark = pytest.mark.skipif(not PYTHON, reason="make platforms")


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """The address of a model."""
    with serve() as address:
        yield address


def ran(name: str, model: str) -> dict[str, Any]:
    """What the app knows of its call, and the spans."""
    variables = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    done = subprocess.run(
        [PYTHON, APP, name, model],
        env=variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "name", ["litellm-plain", "litellm-stream", "litellm-loop", "litellm-loop-stream", "phoenix"]
)
def test_spans_name_the_call(name: str, model: str) -> None:
    """And its record has the tokens; with LiteLLM the price, too."""
    found = ran(name, model)

    assert found["spans"]
    assert {span.get("promptstage.call") for span in found["spans"]} == {found["call"]}
    assert {span["promptstage.prompt"] for span in found["spans"]} == {"summarize@1.3.0"}
    record = found["record"]
    assert record["input_tokens"] == CHAT_USAGE["prompt_tokens"]
    assert record["error"] is None
    assert (record["cost_usd"] is None) == (name == "phoenix")


def test_a_call_without_a_prompt_names_none(model: str) -> None:
    """Though the thread that told of the one before goes on."""
    found = ran("litellm-unstamped", model)
    stamped = [span for span in found["spans"] if "promptstage.prompt" in span]

    assert (len(stamped), len(found["spans"])) == (2, 4)
