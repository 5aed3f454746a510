"""Langfuse's clients of today and before, and LiteLLM over its protocol, unmodified, at a real registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages.markdown import blocks
from platforms.recorder import record
from platforms.running import PYTHON, SECONDS
from protocols import langfuse_app, langfuse_prompts
from support import PATIENCE, PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/integrations/langfuse.md"
NODE = shutil.which("node")
MODULES = os.environ.get("PROMPTSTAGE_NODE", "")
APP = str(Path(langfuse_app.__file__))
PYTHONS = ("langfuse3", "langfuse4", "platforms")  # environments; the last one has version 5
pytestmark = pytest.mark.skipif(not PYTHON, reason="make platforms")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One with an environment for each client, and the first versions in force in all of them."""
    folder = tmp_path_factory.mktemp("registry")
    repository = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        repository.tag("summarize", version)
    langfuse_prompts.tag(repository)
    config = folder / "rules.toml"
    config.write_text(blocks(PAGE, "toml")[0].text)
    environments = ("production", *PYTHONS, "node")
    made = Registry(repository.path, folder / "data", environments=",".join(environments), config=str(config))
    for environment in environments:
        langfuse_prompts.promote(made.api, environment)
    yield made
    assert made.stop() == 0, made.log


def python(name: str) -> str:
    """The interpreter of an environment."""
    return str(Path(PYTHON).parents[2] / name / "bin/python")


def run(registry: Registry, command: list[str], **more: str) -> str:
    """Run an app with the page's variables; return what it wrote."""
    variables = {
        **os.environ,
        "LANGFUSE_BASE_URL": registry.url,
        "LANGFUSE_SECRET_KEY": registry.api.token,
        "LANGFUSE_PUBLIC_KEY": "checkout",
        "LANGFUSE_TRACING_ENABLED": "false",
        "LANGFUSE_TIMEOUT": f"{PATIENCE:.0f}",
        **more,
    }
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PYTHONS)
def test_the_python_client_gets_all_that_it_asks_for(name: str, registry: Registry) -> None:
    """In versions 3, 4 and 5."""
    langfuse_prompts.check(json.loads(run(registry, [python(name), APP, name])))


@pytest.mark.parametrize("name", PYTHONS)
def test_the_pages_lines_work_in_python(name: str, registry: Registry) -> None:
    """They print nothing, so what they made is printed."""
    (block,) = blocks(PAGE, "python", under="Python")

    messages = run(registry, [python(name), "-c", f"{block.text}\nimport json; print(json.dumps(messages))"])

    assert json.loads(messages)[0]["content"].endswith(": my parcel never came")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A folder of an app with Langfuse's JavaScript client."""
    if not (NODE and MODULES):
        pytest.skip("Node is not installed")
    (tmp_path / "node_modules").symlink_to(MODULES)
    return tmp_path


def test_the_javascript_client_gets_all_that_it_asks_for(node: Path, registry: Registry) -> None:
    """The same as the Python client."""
    app = node / "app.mjs"
    app.write_text(Path(__file__).with_name("langfuse_app.mjs").read_text())

    langfuse_prompts.check(json.loads(run(registry, ["node", str(app), "node"])))


def test_the_pages_lines_work_in_javascript(node: Path, registry: Registry) -> None:
    """They print nothing, so what they made is printed."""
    (block,) = blocks(PAGE, "js")
    app = node / "app.mjs"
    app.write_text(f"{block.text}\nconsole.log(JSON.stringify(messages));")

    assert json.loads(run(registry, ["node", str(app)]))[0]["content"].endswith(": my parcel never came")


COMPLETION = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 0,
    "model": "gpt-5-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
}
LITELLM = """
import asyncio, litellm
common = {"model": "langfuse/gpt-4.1-mini", "prompt_id": "kinds/rich", "messages": []}
history = [{"role": "assistant", "content": "Hello"}]
common["prompt_variables"] = {"name": "kindly", "text": "it", "history": history}
litellm.completion(**common, prompt_version=1000000)
asyncio.run(litellm.acompletion(**common, prompt_label="langfuse4"))
"""


def test_litellm_asks_a_model_with_a_prompt(registry: Registry) -> None:
    """By label and by version, sync and async; the model is the prompt's own."""
    (block,) = blocks(PAGE, "python", under="LiteLLM")
    with record({"/chat/completions": COMPLETION}) as model:
        variables = {"LANGFUSE_HOST": registry.url, "OPENAI_BASE_URL": f"{model.url}/v1"}
        keys = {"OPENAI_API_KEY": "sk-test", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        run(registry, [python("langfuse4"), "-c", block.text + LITELLM], **variables, **keys)
        asked = list(map(json.loads, model.bodies("/v1/chat/completions")))

    first, *rich = [(body["model"], [message["content"] for message in body["messages"]]) for body in asked]
    assert first == ("gpt-4.1-mini", ["summarize 1.0.0: my parcel never came"])
    assert rich == [("gpt-5-mini", ["Answer kindly.", "Hello", "it"])] * 2
