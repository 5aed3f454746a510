"""LiteLLM with prompts of a registry: its SDK and its proxy, and the model that they ask."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from pages.markdown import blocks
from suites.chat_model import ChatModel, serve
from support import PromptRepository, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = os.environ.get("PROMPTSTAGE_PLATFORMS", "")
PROXY = os.environ.get("PROMPTSTAGE_LITELLM", "")
APP = Path(__file__).parent / "litellm_app.py"
pytestmark = pytest.mark.skipif(not (SDK and PROXY), reason="make platforms")

PROMPT = """
model: openai/gpt-5.4-mini
modelParameters: {{temperature: 0.2, maxTokens: 50}}
messages:
  - {{role: system, content: "Summarize, version {version}."}}
  - {{role: user, content: "{{{{text}}}}"}}
"""
USERS = [f"user-{i}" for i in range(12)]
MASTER = "sk-master"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with a prompt of which half of the users get the canary."""
    folder = tmp_path_factory.mktemp("litellm")
    repository = PromptRepository(folder / "prompts")
    for version in ("1.0.0", "1.1.0"):
        repository.tag("summarize", version, PROMPT.format(version=version))
    config = folder / "rules.toml"
    config.write_text("[protocols]\nlitellm = true\n")
    started = Registry(repository.path, folder / "data", config=str(config))
    started.api.act("promote", "summarize", {"version": "1.0.0"})
    started.api.act("start", "summarize", {"version": "1.1.0", "steps": [{"percent": 50}]})
    yield started
    started.stop()


@pytest.fixture
def model() -> Iterator[ChatModel]:
    """A model that keeps what it was asked."""
    with serve(lambda _: "an answer") as served:
        yield served


def variables(registry: Registry) -> dict[str, str]:
    """The environment of an app."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "PROMPTSTAGE_URL": registry.url,
        "PROMPTSTAGE_TOKEN": registry.api.token,
        "PROMPTSTAGE_ENVIRONMENT": "production",
        "PROMPTSTAGE_SNAPSHOT_DIR": str(registry.data.with_suffix(".snapshots")),
    }


def ran(way: str, registry: Registry, model: ChatModel) -> dict[str, Any]:
    """What an app wrote."""
    command = [SDK, str(APP), way, model.url.removesuffix("/v1")]
    done = subprocess.run(
        command, env=variables(registry), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def expected(registry: Registry, user: str) -> str:
    """The version that the registry itself decides on."""
    found: str = registry.api.get(f"/v1/environments/production/resolve/summarize?key={user}").json["version"]
    return found


def calls(registry: Registry) -> list[dict[str, Any]]:
    """The calls that were recorded."""
    found: list[dict[str, Any]] = registry.api.get("/v1/environments/production/calls?limit=100").json["data"]
    return found


def check_asked(registry: Registry, asked: list[dict[str, Any]]) -> None:
    """Each user is on the version that the registry decides on, with its messages, model and parameters."""
    assert len(asked) == 2 * len(USERS)
    for user, body in zip(USERS * 2, asked, strict=True):
        version = expected(registry, user)
        assert body["messages"] == [
            {"role": "system", "content": f"Summarize, version {version}."},
            {"role": "user", "content": "my parcel"},
            {"role": "user", "content": "thanks"},
        ]
        assert body["model"] == "gpt-5.4-mini"
        assert (body["temperature"], body["max_completion_tokens"]) == (0.2, 50)
    assert {expected(registry, user) for user in USERS} == {"1.0.0", "1.1.0"}


@pytest.mark.parametrize("way", ["sync", "async", "router"])
def test_the_sdk_keeps_each_user_on_a_version(registry: Registry, model: ChatModel, way: str) -> None:
    """The model gets that version whole; loggers are told it, and the registry of each call."""
    before = len(calls(registry))
    found = ran(way, registry, model)

    check_asked(registry, model.asked)
    assert len(found["logged"]) == 2 * len(USERS)
    for user, metadata, stamp in found["logged"]:
        assert metadata["promptstage.prompt"] == stamp == f"summarize@{expected(registry, user)}"
    until(lambda: len(calls(registry)) - before == len(found["logged"]), "the calls")
    ids = {metadata["promptstage.call"] for _, metadata, _ in found["logged"]}
    own = [call for call in calls(registry) if call["id"] in ids]
    assert len(own) == len(ids) == len(found["logged"])
    assert {(call.get("error"), call["input_tokens"], call["output_tokens"]) for call in own} == {
        (None, 100, 20)
    }


def test_what_litellm_would_drop_is_refused(registry: Registry, model: ChatModel) -> None:
    """Its `completion` takes no parameters from a hook: what to write is in the error."""
    found = ran("hook", registry, model)

    assert "max_completion_tokens, temperature" in found["refused"]
    assert "prompts.fill" in found["refused"]
    assert model.asked == []


def test_its_own_manager_reads_from_the_registry(registry: Registry, model: ChatModel) -> None:
    """Without users: all of a token are on one version; parameters are dropped, which LiteLLM does."""
    ran("generic", registry, model)

    (system,) = {body["messages"][0]["content"] for body in model.asked}
    assert system in {"Summarize, version 1.0.0.", "Summarize, version 1.1.0."}
    assert {body["messages"][1]["content"] for body in model.asked} == {"my parcel"}
    assert {body["model"] for body in model.asked} == {"gpt-5.4-mini"}


@pytest.mark.parametrize("number", [0, 1])
def test_the_pages_lines_ask_the_model(registry: Registry, model: ChatModel, number: int) -> None:
    """As they stand there."""
    block = blocks("docs/integrations/litellm.md", "python")[number]
    environment = {
        **variables(registry),
        "OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "sk-test",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    subprocess.run([SDK, "-c", block.text], env=environment, timeout=120, check=True)

    (body,) = model.asked
    assert body["messages"][1]["content"] == "my parcel never came"
    assert (body["user"], body["model"], body["temperature"]) == ("user-42", "gpt-5.4-mini", 0.2)


CONFIG = """
model_list:
  - model_name: "openai/*"
    litellm_params: {{model: "openai/*", api_base: "{model}", api_key: sk-test}}
general_settings: {{master_key: {master}}}
litellm_settings:
  callbacks: promptstage.litellm.prompts
prompts:
  - prompt_id: from-registry
    litellm_params:
      prompt_integration: generic_prompt_management
      prompt_id: summarize
      api_base: {registry}
      api_key: os.environ/PROMPTSTAGE_TOKEN
      provider_specific_query_params: {{environment: production, version: "1.0.0"}}
"""


@pytest.fixture
def proxy(registry: Registry, model: ChatModel, tmp_path: Path) -> Iterator[str]:
    """LiteLLM's proxy."""
    config, log = tmp_path / "config.yaml", tmp_path / "log"
    config.write_text(CONFIG.format(model=model.url, master=MASTER, registry=registry.url))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**variables(registry), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = ["nice", "-n", "19", PROXY, "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            return urllib3.request("GET", f"{url}/health/liveliness", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    try:
        until(answers, "LiteLLM's proxy", patience=120)
        yield url
    except BaseException as error:
        error.add_note(log.read_text()[-3000:])
        raise
    finally:
        process.terminate()
        process.wait(30)


def ask(proxy: str, **body: Any) -> dict[str, Any]:
    """Ask the proxy as any of its callers does."""
    asked = {"model": "whatever", "messages": [{"role": "user", "content": "thanks"}], **body}
    headers = {"Authorization": f"Bearer {MASTER}"}
    answer = urllib3.request("POST", f"{proxy}/v1/chat/completions", json=asked, headers=headers, timeout=60)
    found: dict[str, Any] = answer.json()
    return found


def answered(proxy: str, **body: Any) -> None:
    """Ask, and get the model's answer."""
    found = ask(proxy, **body)
    assert "choices" in found, found


def test_the_proxy_keeps_each_user_on_a_version(registry: Registry, model: ChatModel, proxy: str) -> None:
    """By one line of its configuration; its own kind of prompt works beside it."""
    before = len(calls(registry))
    for user in USERS * 2:
        answered(proxy, prompt_id="summarize", prompt_variables={"text": "my parcel"}, user=user)
    check_asked(registry, model.asked)
    until(lambda: len(calls(registry)) - before == 2 * len(USERS), "the calls")

    model.asked.clear()
    answered(proxy, prompt_id="from-registry", prompt_variables={"text": "my parcel"})
    (body,) = model.asked
    assert [message["content"] for message in body["messages"]] == [
        "Summarize, version 1.0.0.",
        "my parcel",
        "thanks",
    ]
    assert body["temperature"] == 0.2

    refused = ask(proxy, prompt_id="nobody", user="user-1")["error"]
    assert (refused["code"], "there is no prompt 'nobody'" in refused["message"]) == ("400", True)
    missing = ask(proxy, prompt_id="summarize", user="user-1")["error"]
    assert (missing["code"], "summarize needs text" in missing["message"]) == ("400", True)
    assert len(model.asked) == 1
