"""The sample repository that `make run` serves."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from contextlib import chdir
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from cli.shell import Cli
from cli.test_cli_types import mypy
from requests_in import VERSIONS
from typer.testing import CliRunner

from prompts import answers
from prompts.build import SOURCE, build, history
from registry.catalog.parsing import lint
from registry.cli.author import suites
from registry.cli.main import app
from registry.suites import scoring
from registry.suites.cases import read_suite
from registry.suites.checks.check import Answer
from registry.suites.checks.judge import judge

if TYPE_CHECKING:
    from pathlib import Path


TAGS = [tag for commit in history() for tag in commit.tags]
APP = """\
from typing import Any

import anthropic
import openai
from prompts_types import Client

client = Client("https://prompts.example.org")
llm, claude = openai.OpenAI(), anthropic.Anthropic()


def answer(message: str, history: list[dict[str, Any]]) -> str | None:
    chat = client.get("support/chat").openai(message=message, history=history, customer={"name": "Ada"})
    client.get("support/reply").openai(question=message, articles="all of them")  # wrong
    client.get("support/photo").openai(message=message)  # wrong
    client.get("support/triage").openai(message=message, plan="team", tone="warm")  # wrong
    client.get("support/triag")  # wrong
    request = client.get("code/review").anthropic(diff=message, guidelines=["Nothing is evaluated."])
    claude.messages.create(**request)
    return llm.chat.completions.create(**chat).choices[0].message.content
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, built once."""
    dest = tmp_path_factory.mktemp("sample") / "prompts"
    build(dest)
    return dest


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_is_the_same_repository_each_time(repository: Path, tmp_path: Path) -> None:
    """Two builds have the same commits and tags, down to their ids."""
    build(tmp_path / "again")

    assert git(repository, "show-ref") == git(tmp_path / "again", "show-ref")


def test_ignores_the_git_of_whoever_builds_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an identity nor a date of the surrounding environment gets in."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Somebody Else")
    build(tmp_path / "again")

    assert git(repository, "show-ref") == git(tmp_path / "again", "show-ref")


def test_leaves_a_folder_alone_that_holds_something(tmp_path: Path) -> None:
    """It never writes over what is there, and says what to do."""
    (tmp_path / "mine.txt").write_text("keep")

    with pytest.raises(FileExistsError, match="remove it, or name another folder"):
        build(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_every_tag_is_annotated_and_holds_its_file(repository: Path) -> None:
    """A tag's commit has the bytes of the version's file, and of partials, in the sample's source."""
    for commit in history():
        for tag in commit.tags:
            assert git(repository, "cat-file", "-t", tag.name).strip() == "tag"
            for path, content in commit.written.items():
                assert content.decode() == git(repository, "show", f"{tag.name}:{path}")


def test_the_files_here_are_the_newest(repository: Path) -> None:
    """None is left out of the history, be it a prompt's or a partial."""
    here = {
        path for pattern in ("**/*.prompt.yml", "**/*.cases.jsonl", "*/*.md") for path in SOURCE.glob(pattern)
    }

    assert {path.relative_to(SOURCE.parent): path.read_bytes() for path in here} == {
        path.relative_to(repository): path.read_bytes()
        for path in (repository / "prompts").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("content", VERSIONS.values(), ids=VERSIONS)
def test_every_version_is_valid_without_a_warning(content: bytes) -> None:
    """What newcomers read first is as clean as a prompt file can be."""
    assert not lint.check(content, "prompts/x.prompt.yml")


def test_the_check_is_clean(repository: Path) -> None:
    """Of a fresh clone, where the README has it first; and of the sample, with the bumps of its tags."""
    for folder in (SOURCE.parent, repository):
        done = CliRunner().invoke(app, ["check", "--strict", str(folder)])

        assert (done.exit_code, done.stdout) == (0, "8 prompt files, 0 errors, 0 warnings\n")


@pytest.mark.parametrize("name", sorted({tag.prompt for tag in TAGS}))
def test_every_prompt_has_data_to_try_it_with(repository: Path, name: str) -> None:
    """So that a newcomer sees at once what an app would send."""
    with chdir(repository):
        done = CliRunner().invoke(app, ["render", name, "--case", "1", "--json"])

    assert len(json.loads(done.stdout)["messages"]) >= 2


def test_one_prompt_has_fifty_cases() -> None:
    """No two of them ask the same, and each is judged by more than the default test."""
    lines = (SOURCE / "support/triage.cases.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]

    assert len({case["vars"]["message"] for case in cases}) == len(cases) == 50
    assert all(case["assert"] and case["tags"] for case in cases)


def test_a_case_passes_with_what_it_expects(repository: Path) -> None:
    """And with no other queue, and not without an answer."""
    root = repository / "prompts"
    content = (root / "support/triage.prompt.yml").read_bytes()
    suite = read_suite(
        "support/triage.prompt.yml",
        content,
        suites.in_folder(root, "support/triage.prompt.yml", content),
    ).suite
    assert suite
    for case in suite.cases[2:]:  # after the rows, which nothing judges
        for expected in (case.expected, {**case.expected, "queue": "none"}, {}):
            answer = Answer(json.dumps(expected, ensure_ascii=False), latency_ms=900, cost=0.0004)
            said = [judge(check, answer, vars=case.values, rubric=None) for check in case.checks]

            assert scoring.score(case.checks, said).passed == (expected is case.expected), (case.id, said)


@pytest.mark.slow
def test_an_app_of_all_prompts_is_typed(repository: Path, tmp_path: Path) -> None:
    """With the module that is written from them."""
    cli = Cli(repository)
    assert cli("types", "--head", "-o", tmp_path / "prompts_types.py").code == 0
    (tmp_path / "app.py").write_text(APP)

    assert mypy(tmp_path) == {n for n, line in enumerate(APP.splitlines(), 1) if line.endswith("# wrong")}


def test_history_goes_forward(repository: Path) -> None:
    """Commits are in the order of their dates, and by several people."""
    dates = [datetime.fromisoformat(commit.at) for commit in history()]

    assert sorted(set(dates)) == dates
    assert len({commit.author for commit in history()}) >= 3


def test_every_prompt_has_several_versions(repository: Path) -> None:
    """Enough to stage: patches, minor and major versions, and a pre-release."""
    tags = git(repository, "tag", "--list").split()
    versions = Counter(tag.rpartition("/v")[0] for tag in tags)

    assert (len(versions), min(versions.values()), versions["summarize"]) == (8, 2, 6)
    assert "support/reply/v2.0.0-rc.1" in tags


def test_leaves_a_clean_work_tree(repository: Path) -> None:
    """What is checked out is the newest commit."""
    assert git(repository, "status", "--porcelain") == ""


def test_the_suites_run_without_a_model(repository: Path) -> None:
    """By answers that were written by hand, which the report says; two of fifty fail, as is allowed here."""
    answers.keep(repository)
    cli = Cli(repository, OPENAI_API_KEY="", OPENAI_BASE_URL="")

    done = cli("eval", "--offline", "--json")

    found = json.loads(done.out)
    triage = next(prompt for prompt in found["prompts"] if prompt["prompt"] == "support/triage")
    assert (done.code, found["requests"], found["result"]) == (0, 0, "passed")
    assert {prompt["prompt"] for prompt in found["prompts"]} == {
        *("moderation/screen", "search/rewrite-query", "summarize", "support/chat", "support/triage")
    }
    assert (triage["cases"], triage["candidate"]["failed"]) == (52, 2)
    assert {model for prompt in found["prompts"] for model in prompt["candidate"]["response_models"]} == {
        answers.BY
    }
    assert git(repository, "status", "--porcelain") == ""
