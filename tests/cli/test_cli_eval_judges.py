"""``promptstage eval`` with checks that a judge model decides: rubrics, and GitHub's evaluators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli
from suites import chat_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites.chat_model import ChatModel

RUBRIC = """\
model: openai/gpt-5.4-mini
messages: [{role: user, content: "Echo: {{text}}"}]
defaultTest:
  assert:
    - {type: llm-rubric, value: "Is friendly."}
"""
GITHUB = """\
model: openai/gpt-5.4-mini
messages: [{role: user, content: "Echo: {{input}}"}]
testData: [{input: hello, expected: hello}]
evaluators:
  - name: Similar
    uses: github/similarity
  - name: Polite
    llm:
      modelId: openai/gpt-5.4
      prompt: "Is this polite? {{completion}}"
      choices: [{choice: "yes", score: 1}, {choice: "no", score: 0}]
"""
CASE = '{"id": "one", "vars": {"text": "hello"}}\n'


class Judged:
    """What the judge says, and a model that echoes else."""

    reply = '{"reason": "kind", "pass": true, "score": 0.9}'

    def __call__(self, text: str) -> str:
        """Answer a rubric or a question of an evaluator, or echo."""
        asked = ("<rubric>" in text, "Stars:" in text, "Is this polite?" in text)
        return self.reply if any(asked) else text


@pytest.fixture
def judged() -> Judged:
    """What the judge of a test says."""
    return Judged()


@pytest.fixture
def model(judged: Judged) -> Iterator[ChatModel]:
    """Candidate and judge at one endpoint."""
    with chat_model.serve(judged) as served:
        yield served


@pytest.fixture
def cli(tmp_path: Path, model: ChatModel) -> Cli:
    """A prompt that is judged by a rubric."""
    write(tmp_path, RUBRIC, CASE)
    return Cli(tmp_path, OPENAI_BASE_URL=model.url)


def write(folder: Path, prompt: str, cases: str = "") -> None:
    """Write the prompt, and its cases."""
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts/echo.prompt.yml").write_text(prompt)
    (folder / "prompts/echo.cases.jsonl").write_text(cases)


def side(cli: Cli, *arguments: str, code: int) -> Any:
    """Evaluate with a judge; return what became of the one case."""
    done = cli("eval", "echo", "--json", *arguments)
    assert done.code == code, done.err + done.out
    (found,) = json.loads(done.out)["prompts"]
    return found["details"][0]["candidate"]


def test_a_judge_is_asked_once_and_priced(cli: Cli, model: ChatModel) -> None:
    """As a model of its own; its answer is kept like any other."""
    assert side(cli, "--judge", "openai/gpt-5.4", code=0)["outcome"] == "passed"
    assert side(cli, "--judge", "openai/gpt-5.4", code=0)["outcome"] == "passed"

    assert [body["model"] for body in model.asked] == ["gpt-5.4-mini", "gpt-5.4"]
    assert "Is friendly." in model.asked[1]["messages"][-1]["content"]


def test_a_judges_no_is_a_failed_check(cli: Cli, judged: Judged) -> None:
    """With its reason."""
    judged.reply = '{"reason": "rude", "pass": false, "score": 0.1}'

    assert side(cli, "--judge", "openai/gpt-5.4", code=1)["failures"] == [
        {"check": "llm-rubric", "reason": "rude"}
    ]


@pytest.mark.parametrize(
    "reply", ["", "1", "I like it!", '{"verdict": "good"}', '{"score": "very high"}', '{"score": 1}', "[]"]
)
def test_a_judge_that_talks_nonsense_passes_nothing(cli: Cli, judged: Judged, reply: str) -> None:
    """Nor does it fail anything: there is no verdict."""
    judged.reply = reply

    found = side(cli, "--judge", "openai/gpt-5.4", code=3)

    assert (found["outcome"], found["trouble"]["kind"]) == ("error", "bad_judge")
    assert "llm-rubric: the judge" in found["trouble"]["message"]


def test_a_judge_that_cannot_be_asked_is_an_error_of_its_check(cli: Cli, model: ChatModel) -> None:
    """The answer itself is kept."""
    side(cli, "--judge", "openai/gpt-5.4", code=0)
    model.script = [chat_model.refusal(400)]

    found = side(cli, "--judge", "openai/another", code=3)

    assert found["trouble"]["kind"] == "refused"
    assert found["trouble"]["message"].startswith("llm-rubric: the judge has no answer:")


def test_a_missing_judge_is_said_before_anything_is_asked(cli: Cli, model: ChatModel, tmp_path: Path) -> None:
    """The settings may name one."""
    refused = cli("eval", "echo")
    asked = len(model.asked)
    (tmp_path / "promptstage.toml").write_text('[eval]\njudge = "openai/gpt-5.4"\n')
    passed = cli("eval", "echo")

    assert (refused.code, asked, passed.code) == (3, 0, 0)
    assert "give --judge openai/gpt-5.4, or write it to promptstage.toml" in refused.err


def test_githubs_evaluators_are_judged_by_the_model_that_they_name(
    tmp_path: Path, cli: Cli, judged: Judged, model: ChatModel
) -> None:
    """Another one judges all if the command line names it."""
    write(tmp_path, GITHUB)
    (tmp_path / "promptstage.toml").write_text('[eval]\njudge = "openai/gpt-5.4-nano"\n')
    judged.reply = "5, yes"

    assert side(cli, code=0)["outcome"] == "passed"
    assert [body["model"] for body in model.asked] == ["gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.4"]
    assert side(cli, "--judge", "openai/o3", code=0)["outcome"] == "passed"
    assert [body["model"] for body in model.asked[3:]] == ["o3", "o3"]
    judged.reply = "1, no"
    assert len(side(cli, "--judge", "openai/o4-mini", code=1)["failures"]) == 2


def test_models_are_asked_where_the_settings_say(tmp_path: Path, cli: Cli, model: ChatModel) -> None:
    """With the name that they have there, and the key of that place."""
    (tmp_path / "promptstage.toml").write_text(
        f'[eval.models."anthropic/*"]\nbase_url = "{model.url}/"\npublisher = true\n'
    )
    write(tmp_path, RUBRIC.replace("openai/gpt-5.4-mini", "anthropic/claude-sonnet-5"), CASE)

    found = cli("eval", "echo", "--judge", "openai/gpt-5.4", OPENAI_BASE_URL="http://127.0.0.1:9/v1")

    assert found.code == 3  # the judge is elsewhere, where nothing answers
    assert [body["model"] for body in model.asked] == ["anthropic/claude-sonnet-5"]
