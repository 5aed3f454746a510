"""What the client's pages say works: their Python runs here from top to bottom, as it stands there."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
import tomllib
from logging.config import dictConfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic_api
import openai_api
import pytest
import structlog
import yaml
from client.fake_registry import FakeRegistry, release
from loguru import logger
from pages.markdown import ROOT, blocks, read

from promptstage import Client, logs
from promptstage._calls.log_line import in_words
from promptstage.stamp import EMPTY, stamped

if TYPE_CHECKING:
    from collections.abc import Iterator

README, PAGE = "client/README.md", "docs/client.md"
BLOCKS = [*blocks(README, "python"), *blocks(PAGE, "python")]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry that serves `summarize` 1.2.0, and `answer` for another model."""
    fake = FakeRegistry()
    fake.releases["summarize"] = release()
    fake.releases["answer"] = release("answer")
    fake.releases["answer"]["versions"]["1.2.0"]["document"]["model"] = "anthropic/claude-sonnet-5-5"
    yield fake
    fake.stop()


@pytest.fixture
def names(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What is defined after all blocks ran, and `lines`, which they logged."""
    with openai_api.serve() as api, anthropic_api.serve() as other:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", api.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", other.url)
        yield from run(registry, tmp_path / "lines")


def run(registry: FakeRegistry, lines: Path) -> Iterator[dict[str, Any]]:
    """Run all blocks, and undo what they set."""
    root = logging.getLogger()
    before = root.handlers[:]
    names: dict[str, Any] = {"lines": lines}
    root.handlers = []
    with stamped(EMPTY):
        for block in BLOCKS:
            code = block.text.replace("https://prompts.example.org", registry.url)
            code = code.replace("logging.basicConfig(", f"logging.basicConfig(filename={str(lines)!r}, ")
            exec(compile("\n" * block.line + code, block.page, "exec"), names)
        assert names["summarize"]("user-42", "a long text") == "an answer"
    yield names
    names["client"].close()
    names["llm"].close()
    names["claude"].close()
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(logging.WARNING)
    logs.uninstall()
    structlog.reset_defaults()
    logger.configure(patcher=lambda _: None)


def test_every_block_runs(names: dict[str, Any]) -> None:
    """And the ten lines write the line that is shown."""
    shown = re.search(r"# (INFO .*)", read(README))

    assert shown is not None
    assert names["lines"].read_text().splitlines()[-1] == shown[1]


def test_the_tests_that_it_shows_pass(tmp_path: Path) -> None:
    """As files of an application without a registry, beside the first file of the page about files."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/summarize.prompt.yml").write_text(blocks("docs/prompt-file.md", "yaml")[0].text)
    for name, block in zip(("app.py", "conftest.py", "test_app.py"), blocks(PAGE, "py")[1:], strict=True):
        (tmp_path / name).write_text(block.text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PROMPTSTAGE_")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 passed" in done.stdout, done.stdout


def test_the_logging_configuration_that_it_shows_needs_no_install(capsys: pytest.CaptureFixture[str]) -> None:
    """As a process reads it that never imports the application."""
    (shown,) = blocks(PAGE, "yaml")
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        dictConfig(yaml.safe_load(shown.text))
        with stamped(EMPTY):  # other blocks of the page leave their stamp in this process
            logging.getLogger("app").info("hello")
    finally:
        root.handlers[:] = before
        root.setLevel(level)

    assert capsys.readouterr().err == "INFO - hello\n"


def test_the_status_that_it_shows_is_the_real_one(registry: FakeRegistry) -> None:
    """Key by key."""
    (shown,) = blocks(PAGE, "json")
    registry.releases["summarize"] = release(candidate="1.3.0", percent=10)
    with Client(registry.url, prompts=["summarize"]) as client:
        assert client.ready(10)
        real = client.status()

    documented = json.loads(shown.text)
    assert keys(documented) == keys(real)
    assert documented["prompts"]["summarize"]["versions"] == real["prompts"]["summarize"]["versions"]


def test_the_line_of_a_call_that_it_shows_is_the_real_one() -> None:
    """Word by word."""
    (shown,) = blocks(PAGE, "text")
    fields = {
        "prompt": "summarize",
        "version": "1.3.0",
        "arm": "canary",
        "response_model": "gpt-5-mini-2025-08-07",
        "duration_ms": 812.0,
        "ttft_ms": 240.0,
        "input_tokens": 1204,
        "output_tokens": 88,
        "cost_usd": 0.0012,
        "error": None,
        "finish_reason": "stop",
    }

    assert shown.text.strip() == in_words(fields)


def keys(value: Any) -> Any:
    """The keys of objects, all the way down."""
    return {key: keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize(
    "said",
    re.findall(r"^\| `((?:the|get|prompts) [^`]*)` \|", read(PAGE), re.MULTILINE),
)
def test_what_the_table_quotes_is_really_said(said: str) -> None:
    """Somewhere in the client's source, so that a search for the message finds the row."""
    folder = Path(logs.__file__).parent
    source = re.sub(r'"\s*\n\s*f?"', "", "".join(file.read_text() for file in folder.rglob("*.py")))

    assert said.partition(":")[0] in source


def test_what_is_installed_is_the_client() -> None:
    """The folder that the command names holds the distribution of this name."""
    (block,) = blocks(README, "sh")
    *command, folder = shlex.split(block.text, comments=True)

    assert command == ["pip", "install"]
    assert tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["name"] == "promptstage"
