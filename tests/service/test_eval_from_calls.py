"""``promptstage eval --from-calls``: a candidate is compared with what was answered to real calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli
from outcomes_in import record
from service.test_calls import There, new_token
from suites import chat_model
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites.chat_model import ChatModel
    from support import Api, Registry

PROMPT = """\
model: openai/gpt-5.4-mini
messages: [{role: user, content: "Echo: {{text}}"}]
defaultTest:
  assert: [{type: contains, value: "{{text}}"}]
"""


@pytest.fixture
def model() -> Iterator[ChatModel]:
    """A model that repeats what it is told."""
    with chat_model.serve(str) as served:
        yield served


@pytest.fixture
def reviewer(tmp_path: Path, registry: Registry, api: Api, reviewed: str, model: ChatModel) -> Cli:
    """A candidate in a folder, at a registry whose content somebody may read."""
    file = tmp_path / "prompts/summarize.prompt.yml"
    file.parent.mkdir()
    file.write_text(PROMPT)
    return Cli(
        tmp_path,
        OPENAI_BASE_URL=model.url,
        PROMPTSTAGE_URL=registry.url,
        PROMPTSTAGE_TOKEN=new_token(api, "review"),
        PROMPTSTAGE_ENVIRONMENT=reviewed,
    )


def reported(api: Api, environment: str, answers: dict[str, str], **fields: Any) -> None:
    """Report calls with their content, by input, and wait until they are listed."""
    there = There(api, environment)
    sent = [
        record(variables={"text": text}, response={"role": "assistant", "content": answer}, **fields)
        for text, answer in answers.items()
    ]
    assert there.send(*sent).status == 200
    until(lambda: len(there.get("calls")["data"]) >= len(sent), "the calls")


def test_wins_losses_and_their_test(reviewer: Cli, api: Api, reviewed: str, model: ChatModel) -> None:
    """The recorded inputs, and the checks for any input on both answers; nothing of users is kept here."""
    answers = {f"case {number}": "nothing" for number in range(6)} | {"same": "same"}
    reported(api, reviewed, answers)

    done = reviewer("eval", "summarize", "--from-calls", 20, "--json")

    found = json.loads(done.out)
    assert done.code == 0, done.err
    assert [found[name] for name in ("wins", "losses", "ties", "open", "result")] == [6, 0, 1, 0, "passed"]
    assert found["p"] == 0.03125
    assert {body["messages"][0]["content"] for body in model.asked} == {f"Echo: {text}" for text in answers}
    assert found["pairs"][0]["recorded"] == "nothing"
    assert not list(reviewer.folder.rglob(".promptstage"))


def test_a_worse_candidate_fails(reviewer: Cli, api: Api, reviewed: str, model: ChatModel) -> None:
    """Before the first user sees it; the table shows what was lost."""
    reported(api, reviewed, {f"case {number}": f"case {number}" for number in range(6)})
    model.say = lambda _: "nothing"

    done = reviewer("eval", "summarize", "--from-calls", 6)

    assert done.code == 1
    assert "0 won, 6 lost, 0 tied, 0 without a verdict; exact sign test p 0.031" in done.out
    assert '      contains: the answer does not have "case' in done.out


def test_without_content_it_says_how_there_is_some(reviewer: Cli) -> None:
    """An operator decides on that."""
    done = reviewer("eval", "summarize", "--from-calls", 6)

    assert done.code == 3
    assert "[environments.E.content] sample = 0.02" in done.err
