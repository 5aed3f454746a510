"""What the page about imports shows runs, against stand-ins of the tools."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from hosted_api import Asked, HostedApi, serve
from pages.markdown import blocks, read
from pages.running import environment, shell
from support import PromptRepository, prompt

from registry.cli.imports.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/importing.md"
TAGS = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": "Hi {{x}}"}
OF_MLFLOW = {"name": "greet", "version": "1", "tags": [{"key": key, "value": TAGS[key]} for key in TAGS]}


def answer(asked: Asked) -> Any:
    """Answer as one of the three tools would, by its paths."""
    entry = {"prompt_name": "Farewell", "version": 2, "prompt_template": {}}
    text = {"type": "text", "text": "Bye {x}"}
    if asked.path == "/prompt-templates":
        is_first = asked.query["page"] == "1"
        return {"items": [entry] if is_first else [], "has_next": is_first, "next_num": 2}
    if asked.path == "/prompt-templates/Farewell":
        return entry | asked.body | {"prompt_template": {"type": "completion", "content": [text]}}
    if asked.path.startswith("/api/2.0/mlflow/"):
        return {"model_versions": [OF_MLFLOW]} if "model-versions" in asked.path else {}
    if "version" in asked.query:
        return {"name": "triage", "version": 1, "prompt": "Sort {{mail}}", "config": {}}
    return {"data": [{"name": "triage", "versions": [1]}]}


def test_the_commands_and_the_program(tmp_path: Path) -> None:
    """In an author's repository; the dump is what the program writes."""
    author = PromptRepository(tmp_path / "prompts-repository")
    author.tag("summarize", "1.0.0")
    (program,), (commands, *_) = blocks(PAGE, "python"), blocks(PAGE, "sh")
    with serve(answer) as api:
        variables = environment(tmp_path) | keys(api)
        subprocess.run([sys.executable, "-c", program.text], cwd=author.path, env=variables, check=True)
        told = shell(commands.text.replace("http://127.0.0.1:5000", api.url), author.path, variables)

    assert "Nothing is written" in told
    found = author.git("tag", "--list").split()
    assert found == [
        "farewell/v1.0.0",
        "farewell/v1.0.1",
        "greet/v1.0.0",
        "summarize/v1.0.0",
        "triage/v1.0.0",
    ]
    assert len(json.loads((author.path / "templates.json").read_text())) == 2


def test_the_commands_for_files(tmp_path: Path) -> None:
    """Each of a file as the page names it; the export runs on what was imported."""
    author = PromptRepository(tmp_path / "prompts-repository")
    author.tag("summarize", "1.0.0", f"model: openai/gpt-5.4-mini\n{prompt()}")
    (stored,) = blocks(PAGE, "json")
    sources = {
        "genkit/prompts/greet.formal.prompt": "Hi {{name}}",
        "triage.prompty": "---\nname: Triage\nmodel: gpt-4o\n---\nuser:\n{{mail}}\n",
        "promptfooconfig.yaml": "prompts: [{label: Short, raw: 'Hi {{name}}'}]\n",
        "stored-prompts.json": stored.text,
    }
    for path, text in sources.items():
        (author.path / path).parent.mkdir(parents=True, exist_ok=True)
        (author.path / path).write_text(text, encoding="utf-8")
    _, files, back = blocks(PAGE, "sh")
    told = shell(files.text + back.text, author.path, environment(tmp_path))

    assert "greet-formal" in told
    assert author.git("tag", "--list").split() == [
        "imported/triage/v1.0.0",
        "short/v1.0.0",
        "summarize/v1.0.0",
        "triage/v1.0.0",
    ]
    assert (author.path / "summarize.promptfoo.yaml").read_text().startswith("description: ")


def keys(api: HostedApi) -> dict[str, str]:
    """The variables that the page names."""
    return {
        "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
        "LANGFUSE_SECRET_KEY": "sk-lf-1",
        "LANGFUSE_BASE_URL": api.url,
        "PROMPTLAYER_API_KEY": "pl_1",
        "PROMPTLAYER_BASE_URL": api.url,
    }


def test_every_format_is_named() -> None:
    """The page knows what the command knows."""
    text = read(PAGE)

    assert [name for name in FORMATS if f"`{name}`" not in text] == []
