"""The client for Node: its own tests, and an app at a real registry."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import PATIENCE, PromptRepository, Registry, until

from promptstage.evaluation import decide
from promptstage.model import parse_release
from promptstage.requests.openai import make_openai_request
from promptstage.requests.rendered import make_rendered
from promptstage.structured_rendering import make_renderer

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = shutil.which("node")
HERE = Path(__file__).parents[2] / "client-node"
KEYS = [f"user-{number}" for number in range(10_000)]
RICH = """
model: openai/gpt-5
modelParameters: {maxTokens: 300, temperature: 0.5}
template: mustache
messages:
  - {role: system, content: "{{#docs}}- {{title}}\\n{{/docs}}"}
  - {placeholder: history, optional: true}
  - role: user
    content: [{type: text, text: "{{text}}"}, {type: image_url, image_url: {url: "{{photo}}"}}]
responseFormat: json_schema
jsonSchema: {name: answer, schema: {type: object}}
tools: [{type: function, function: {name: find, parameters: {type: object}}}]
toolChoice: auto
"""
GIVEN = {
    "docs": [{"title": "A"}, {"title": "B"}],
    "history": [{"role": "assistant", "content": "Yes?"}],
    "text": "{{photo}}",
    "photo": "https://example.org/a.png",
}
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")


class App:
    """An app that does what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, act: str, *args: object) -> Any:
        """What comes out of it; of an error its name."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([act, *args]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer.get("error", answer.get("result"))


@contextmanager
def app(registry: Registry, folder: Path, token: str = "") -> Iterator[App]:
    """Starts an app; it ends with its input."""
    command = [str(NODE), str(Path(__file__).with_name("node_app.mjs"))]
    settings = [registry.url, token or registry.api.token, "production"]
    arguments = [*(f"{one}\n" for one in settings), str(folder)]  # as files of secrets end
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([*command, *arguments], text=True, **pipes)  # type: ignore[call-overload]
    try:
        yield App(process)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> PromptRepository:
    """Two versions of a prompt, and one with all that a file may have."""
    made = PromptRepository(tmp_path_factory.mktemp("node") / "repository")
    for version in ("1.0.0", "1.1.0"):
        made.tag("summarize", version)
    made.tag("rich", "1.0.0", RICH)
    return made


@pytest.fixture
def registry(repository: PromptRepository, tmp_path: Path) -> Iterator[Registry]:
    """A registry of the test's own, with a first version in force."""
    started = Registry(repository.path, tmp_path / "data")
    assert started.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    yield started
    started.kill()


def test_its_own_tests_pass() -> None:
    """The shared vectors among them."""
    done = subprocess.run(
        [str(NODE), "--test", "test/"], cwd=HERE, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "# pass 10" in done.stdout


def test_an_app_follows_a_rollout(registry: Registry, tmp_path: Path) -> None:
    """It decides as we do, hears of every change, names the prompt on log lines, and says what is wrong."""
    with app(registry, tmp_path / "snapshots") as node:
        assert node.ask("ready", 10_000)
        assert node.ask("get", "summarize")["reason"] == "STATIC"
        assert registry.api.act("start", "summarize", {"version": "1.1.0", "plan": "standard"}).status == 200
        until(lambda: node.ask("get", "summarize", {"key": "u1"})["reason"] == "SPLIT", "the split")

        release = parse_release(registry.api.get("/v1/environments/production/releases/summarize").json)
        assert node.ask("arms", "summarize", KEYS) == [decide(release, key).arm for key in KEYS]
        got = node.ask("get", "summarize", {"key": "u1"})
        expected = decide(release, "u1")
        assert (got["version"], got["bucket"], got["rollout"]) == (
            expected.version, expected.bucket, expected.rollout,
        )  # fmt: skip
        assert (got["source"], got["number"]) == ("live", release.versions[got["version"]].number)

        registry.api.act("promote", "summarize")
        until(lambda: node.ask("get", "summarize")["version"] == "1.1.0", "the new version")
        assert node.ask("text", "summarize", {"text": "$& {{text}}"}) == "summarize 1.1.0: $& {{text}}"
        assert node.ask("text", "summarize", {}) == "VariablesMissing"
        assert node.ask("log", "summarize") == {
            "prompt": "summarize@1.1.0",
            "prompt_name": "summarize",
            "prompt_version": "1.1.0",
            "prompt_arm": "stable",
        }
        assert node.ask("aget", "unknown") == "PromptUnavailable"
        assert node.ask("get", "unknown", {"fallback": "Hi"})["source"] == "fallback"
        registry.api.act("promote", "rich", {"version": "1.0.0"})
        assert node.ask("aget", "rich")["version"] == "1.0.0"
        rich = parse_release(registry.api.get("/v1/environments/production/releases/rich?edition=2").json)
        document = rich.versions["1.0.0"].document
        messages = make_renderer("rich", document).messages(GIVEN)
        expected_request = make_openai_request(make_rendered("rich", document, messages))
        assert node.ask("openai", "rich", GIVEN) == expected_request
        assert node.ask("text", "rich", GIVEN) == "- A\n- B\n\n\nYes?\n\n{{photo}}"
        assert node.ask("text", "rich", {"text": "a"}) == "VariablesMissing"


def test_an_app_goes_on_without_the_registry(
    registry: Registry, repository: PromptRepository, tmp_path: Path
) -> None:
    """Also after a restart; and hears of what changed once it is back."""
    folder = tmp_path / "snapshots"
    with app(registry, folder) as node:
        assert node.ask("ready", 10_000)
        registry.kill()
        assert node.ask("get", "summarize")["version"] == "1.0.0"
    until(lambda: [*folder.rglob("summarize.json")], "the snapshot")
    with app(registry, folder) as node:
        assert node.ask("get", "summarize")["source"] == "snapshot"
        assert not node.ask("ready", 100)
        assert node.ask("aget", "other", {"timeout": 100}) == "PromptUnavailable"
        back = Registry(repository.path, tmp_path / "data", port=registry.port)
        try:
            back.api.act("promote", "summarize", {"version": "1.1.0"})
            until(lambda: node.ask("get", "summarize")["version"] == "1.1.0", "the new version")
            assert node.ask("get", "summarize")["source"] == "live"
        finally:
            back.kill()


def test_a_bad_token_is_named(registry: Registry, tmp_path: Path) -> None:
    """And a damaged snapshot is as good as none."""
    folder = tmp_path / "snapshots"
    with app(registry, folder) as node:
        assert node.ask("ready", 10_000)
    (file,) = until(lambda: [*folder.rglob("summarize.json")], "the snapshot")
    file.write_text('{"prompt": "summarize"')

    with app(registry, folder, "ps_" + "x" * 43) as node:
        assert node.ask("aget", "summarize") == "PromptUnavailable"
        assert "token" in node.ask("status")["problem"]
