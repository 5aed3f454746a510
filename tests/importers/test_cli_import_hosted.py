"""``promptstage import`` of hosted tools, from their APIs and from dumps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli
from hosted_api import Asked, serve
from support import PromptRepository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository with a prompt."""
    repository = PromptRepository(tmp_path / "prompts-repository")
    repository.tag("summarize", "1.0.0")
    return repository


@pytest.fixture
def cli(author: PromptRepository, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in it, with keys of Langfuse's."""
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-secret")
    for name in ("LANGFUSE_BASE_URL", "LANGFUSE_HOST", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return Cli(author.path)


def version(number: int, prompt: Any, **more: Any) -> dict[str, Any]:
    """One of Langfuse's."""
    at = f"2025-03-0{number}T10:00:00.000Z"
    return {"name": "Mail/Triage", "version": number, "prompt": prompt, "createdAt": at, "config": {}, **more}


VERSIONS = [
    version(1, "Sort {{mail}}", createdBy="ada", commitMessage="Begin"),
    version(2, "Sort {{mail}} well", labels=["production", "latest"]),
    version(3, "@@@langfusePrompt:name=style|label=production@@@"),
]


def as_langfuse(asked: Asked) -> Any:
    """A project with one prompt."""
    if "version" in asked.query:
        return VERSIONS[int(asked.query["version"]) - 1]
    return {"data": [{"name": "Mail/Triage", "versions": [1, 2, 3]}]}


def test_an_api_becomes_history(
    cli: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Asked where the tool's own client would ask; and a dump of it brings the same."""
    with serve(as_langfuse) as api:
        monkeypatch.setenv("LANGFUSE_BASE_URL", api.url)
        done = cli("import", "langfuse", "--yes")
        again = cli("import", "langfuse", api.url)

    assert done.code == 0
    log = author.git("log", "-2", "--reverse", "--format=%an %as %s").splitlines()
    assert log[0] == "ada 2025-03-01 Begin"
    assert log[1].endswith("2025-03-02 Import mail/triage 2 from langfuse")
    assert "promptstage promote mail/triage 1.0.1" in done.err
    assert "Mail/Triage 3 is not imported: it includes style by label=production, which floats" in done.err
    assert "2 versions of the source are here already" in again.err
    (tmp_path / "dump.json").write_text(json.dumps(VERSIONS))
    assert "2 versions of the source are here already" in cli("import", "langfuse", "../dump.json").err


def test_a_refusal_writes_nothing(cli: Cli, author: PromptRepository) -> None:
    """Not even what was fetched before it; and no key is shown."""
    before = author.git("show-ref")

    def answer(asked: Asked) -> Any:
        return None if asked.query.get("version") == "2" else as_langfuse(asked)

    with serve(answer) as api:
        done = cli("import", "langfuse", api.url, "--yes")

    assert done.code == 1
    assert "has no /api/public/v2/prompts/Mail%2FTriage (HTTP 404): not here" in done.err
    assert "sk-lf-secret" not in done.out + done.err
    assert author.git("show-ref") == before


def test_names_that_are_none_here(cli: Cli, tmp_path: Path) -> None:
    """Each is named: those that become one, and those that become none; the others are imported."""
    names = ["Triage", "triage", "a|b", "a b", "a/../b", "..", "名前", "v1", "café/Über"]
    entries = [version(1, "Hi {{x}}") | {"name": name} for name in names]
    (tmp_path / "dump.json").write_text(json.dumps(entries))
    told = json.loads(cli("import", "langfuse", "../dump.json", "--dry-run", "--json").out)

    assert [each["prompt"] for each in told["versions"]] == ["cafe/uber"]
    assert sorted(each["name"] for each in told["refused"]) == sorted(names[:-1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mlflow",), "MLFLOW_TRACKING_URI names no server; start one (mlflow server)"),
        (("promptlayer",), "SOURCE is missing: a file or a folder of PromptLayer, such as templates.json"),
        (("promptlayer", "https://api.promptlayer.com"), "PromptLayer is imported from files alone"),
        (("langfuse", "https://pk:sk@cloud.langfuse.com"), "give keys by environment variables alone"),
    ],
)
def test_a_source_that_is_none(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """What it should be."""
    done = cli("import", *arguments)

    assert done.code == 1
    assert said in done.err
