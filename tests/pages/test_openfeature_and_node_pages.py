"""The lines of the pages for OpenFeature and Node are run; OpenFeature's JavaScript by `make platforms`."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api as openfeature
from pages.markdown import ROOT, blocks
from support import PromptRepository, Registry

from registry.policies.file import read as read_rules
from registry.policies.rule_set import Protocols

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "docs/integrations/openfeature.md"
NODE_PAGE = "docs/integrations/node.md"
ADDRESS = "http://127.0.0.1:8000"
STAND_INS = """
const app = { use() {} };
const pino = ({ mixin }) => ({ info: (msg) => console.log(JSON.stringify({ ...mixin(), msg })) });
"""
"""In place of Express and pino; the real one is in `make platforms`."""
ECHO = """
class OpenAI { chat = { completions: { create: (request) => request } } }
"""
"""In place of OpenAI's SDK, whose types `make platforms` compiles against."""
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs node")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry as the page switches it on, with a prompt in force."""
    folder = tmp_path_factory.mktemp("openfeature_page")
    repository = PromptRepository(folder / "repository")
    repository.tag("summarize", "1.0.0")
    config = folder / "rules.toml"
    config.write_text(blocks(PAGE, "toml")[0].text)
    started = Registry(repository.path, folder / "data", config=str(config))
    assert started.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    yield started
    started.kill()


def node(program: str, folder: Path) -> str:
    """Run a program on Node; what it writes."""
    file = folder / "page.mjs"
    file.write_text(program.replace("'@promptstage/client'", f"'{ROOT.resolve()}/client-node/src/index.js'"))
    done = subprocess.run(["node", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_switched_on_as_the_page_says(tmp_path: Path) -> None:
    """By a table of the operator's file."""
    file = tmp_path / "rules.toml"
    file.write_text(blocks(PAGE, "toml")[0].text)

    assert read_rules(file, ["production"]).protocols.ofrep


def test_every_protocol_can_be_switched_on() -> None:
    """As the operator's page shows, and as the sample of `make run` does."""
    (shown,) = (b.text for b in blocks("docs/operating.md", "toml") if b.text.startswith("[protocols]"))
    sample = (ROOT / "prompts/operator.toml").read_text()

    for text in (shown, sample):
        assert tomllib.loads(text)["protocols"] == dict.fromkeys(Protocols.model_fields, True)


def test_pythons_lines_get_a_prompt(registry: Registry) -> None:
    """By the provider as it is."""
    (block,) = blocks(PAGE, "python")
    names: dict[str, Any] = {"token": registry.api.token}
    try:
        exec(block.text.replace(ADDRESS, registry.url), names)
    finally:
        openfeature.shutdown()

    assert names["version"] == "1.0.0"
    assert names["messages"][0]["content"] == "summarize 1.0.0: {{text}}"


@needs_node
def test_javascripts_lines_are_valid(tmp_path: Path) -> None:
    """They are run by `make platforms`."""
    for block in blocks(PAGE, "javascript"):
        file = tmp_path / "page.mjs"
        file.write_text(block.text)
        subprocess.run(["node", "--check", str(file)], check=True)
    assert 'blocks(PAGE, "javascript")' in (ROOT / "tests/platforms/test_openfeature_js.py").read_text()


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_takes_the_lines(tmp_path: Path) -> None:
    """In a server of its own."""
    (block,) = blocks(PAGE, "nginx")
    file = tmp_path / "nginx.conf"
    file.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:8080;\n{block.text} }} }}\n"
    )

    done = subprocess.run(
        ["nginx", "-t", "-c", str(file), "-e", str(tmp_path / "log")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@needs_node
def test_nodes_lines_get_a_prompt_and_name_it(registry: Registry, tmp_path: Path) -> None:
    """On the lines that are logged in its context."""
    first, logged, winston, asked = (block.text for block in blocks(NODE_PAGE, "javascript"))
    first = first.replace(ADDRESS, registry.url).replace("ps_...", registry.api.token)
    first = first.replace("prompts: [", f"snapshotDir: '{tmp_path}', prompts: [")
    work = logged.replace("import pino from 'pino';", STAND_INS)
    work = work.replace("log.info", "client.get('summarize', { key: 'user-42' });\nlog.info")

    asked = asked.replace("import OpenAI from 'openai';", ECHO)
    program = f"{first}\nconsole.log(messages[0].content);\n{work}\n{asked}\nclient.close();\n"

    said = node(f"{program}console.log(JSON.stringify(answer));\n", tmp_path)

    assert said.splitlines()[0] == "summarize 1.0.0: my parcel never came"
    assert '"prompt":"summarize@1.0.0","prompt_name":"summarize","prompt_version":"1.0.0"' in said
    assert '{"messages":[{"role":"user","content":"summarize 1.0.0: my parcel never came"}]}' in said
    assert "winston.format.combine(winstonFormat(), winston.format.json())" in winston
    platform = (ROOT / "tests/platforms/node/logs.mjs").read_text()
    assert "winston.format.combine(winstonFormat(), winston.format.json())" in platform
    assert "{ mixin: logFields }" in platform
