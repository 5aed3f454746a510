"""From a suite in git to a version in production: `eval --attest`, and the gate that wants it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from attested import Holder
from cli.shell import Cli, commit
from suites import chat_model
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites.chat_model import ChatModel

RULES = '[environments.production.suite]\nrequired = true\nattesters = ["ci"]\n'
PROMPT = "model: openai/gpt-5.4-mini\nmessages: [{{role: user, content: '{word}: {{{{text}}}}'}}]\n"
CASES = "".join(
    json.dumps({"id": name, "vars": {"text": name}, "assert": [{"type": "contains", "value": name}]}) + "\n"
    for name in ("one", "two")
)


@pytest.fixture
def model() -> Iterator[ChatModel]:
    """A model that repeats what it is told, unless it is told to forget."""
    with chat_model.serve(lambda text: "" if "Forget" in text else text) as served:
        yield served


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository with two versions; the second one forgets."""
    repository = PromptRepository(tmp_path / "prompts-repository")
    commit(repository, "prompts/echo.cases.jsonl", CASES)
    repository.tag("echo", "1.0.0", PROMPT.format(word="Echo"))
    repository.tag("echo", "1.1.0", PROMPT.format(word="Forget"))
    repository.tag("echo", "1.2.0", PROMPT.format(word="Repeat"))
    return repository


@pytest.fixture
def registry(author: PromptRepository, tmp_path: Path) -> Iterator[Registry]:
    """A registry that lets no version into production without a proof by `ci`."""
    (tmp_path / "rules.toml").write_text(RULES)
    served = Registry(author.path, tmp_path / "data", config=str(tmp_path / "rules.toml"))
    yield served
    assert served.stop() == 0, served.log


def test_a_version_goes_into_production_with_its_proof(
    author: PromptRepository, registry: Registry, model: ChatModel
) -> None:
    """Refused without one; refused with a failed one, which names the cases; let in by one that passed."""
    ci, ada = (
        Holder(registry.api, role, name=name) for role, name in (("attest", "ci"), ("releaser", "ada"))
    )
    attester, releaser = (
        Cli(author.path, PROMPTSTAGE_URL=registry.url, PROMPTSTAGE_TOKEN=who.token, OPENAI_BASE_URL=model.url)
        for who in (ci, ada)
    )

    def attest(version: str) -> int:
        return attester("eval", f"echo@{version}", "--against", "stable", "--attest").code

    def promote(version: str) -> tuple[int, str]:
        done = releaser("promote", "echo", version, "--yes")
        return done.code, done.err

    assert promote("1.0.0")[0] == 1
    assert (attest("1.0.0"), promote("1.0.0")[0]) == (0, 0)
    assert attest("1.1.0") == 1
    code, said = promote("1.1.0")
    assert (code, "one" in said, "two" in said) == (1, True, True)
    assert (attest("1.2.0"), promote("1.2.0")[0]) == (0, 0)
    assert registry.api.state("echo")["stable"]["version"] == "1.2.0"
    for who in (ci, ada):
        who.close()
