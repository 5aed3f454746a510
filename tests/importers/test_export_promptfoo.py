"""What `promptstage export promptfoo` writes; `make oracle` runs it with promptfoo itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli, commit
from support import PromptRepository, prompt

from registry.catalog.parsing.strict_yaml import Source

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "model: openai/gpt-5.4-mini\n"
CASE: dict[str, Any] = {
    "id": "late",
    "vars": {"text": "Late"},
    "assert": [{"type": "contains", "value": "x"}],
}


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """An empty repository."""
    return PromptRepository(tmp_path / "prompts")


@pytest.fixture
def cli(author: PromptRepository) -> Cli:
    """The command line in it."""
    return Cli(author.path)


def exported(cli: Cli, author: PromptRepository, content: str, *cases: dict[str, Any]) -> dict[str, Any]:
    """What the command writes for one prompt with these cases, read back."""
    commit(author, "prompts/chat.prompt.yml", content)
    if cases:
        commit(author, "prompts/chat.cases.jsonl", "".join(f"{json.dumps(case)}\n" for case in cases))
    told = json.loads(cli("export", "promptfoo", "chat", "--json").out)
    printed = Source(cli("export", "promptfoo", "chat").out.encode())
    assert printed.root is not None
    assert printed.root.plain() == told["config"]
    return dict(told)


def test_the_request_is_that_of_an_app(cli: Cli, author: PromptRepository) -> None:
    """Model, parameters by their names in the API, tools where promptfoo looks for them."""
    keys = "modelParameters: {maxTokens: 9}\ntools: [{type: function, function: {name: f}}]\n"
    told = exported(cli, author, HEAD + keys + prompt(), CASE)

    (provider,) = told["config"]["providers"]
    assert provider["id"] == "openai:chat:gpt-5.4-mini"
    assert provider["config"]["passthrough"] == {"max_completion_tokens": 9}
    assert provider["config"]["tools"][0]["function"]["name"] == "f"
    assert told["config"]["tests"][0]["assert"] == CASE["assert"]


def test_text_that_promptfoo_would_read_is_kept_from_it(cli: Cli, author: PromptRepository) -> None:
    """By `raw`; variables stay outside."""
    told = exported(cli, author, HEAD + prompt(r"a {% b %} {{text}} \{{c}} {"))

    (message,) = json.loads(told["config"]["prompts"][0]["raw"])
    assert message["content"] == "{% raw %}a {% b %} {% endraw %}{{text}}{% raw %} {{c}} {{% endraw %}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (prompt(), "it names no model"),
        (HEAD + "template: mustache\n" + prompt("{{#a}}x{{/a}}"), "sections or partials"),
        (HEAD + prompt("{{a.b}}"), "a point in its name"),
        (HEAD + prompt("{{a-b}}"), "is an expression to promptfoo"),
        (HEAD + prompt("{% endraw %}"), "reads even as text"),
        (
            HEAD + "messages:\n  - placeholder: history\n  - {role: user, content: x}\n",
            "placeholder history is required",
        ),
    ],
)
def test_what_promptfoo_cannot_say_is_refused(
    cli: Cli, author: PromptRepository, content: str, said: str
) -> None:
    """By name, and nothing is written."""
    commit(author, "prompts/chat.prompt.yml", content)
    done = cli("export", "promptfoo", "chat", "-o", "out.yaml")

    assert done.code == 1
    assert said in " ".join(done.err.split())
    assert not (author.path / "out.yaml").exists()


@pytest.mark.parametrize("text", ["file:///etc/passwd", "see {{text}}", "{{ tone }}"])
def test_a_value_that_promptfoo_would_change_leaves_its_case_out(
    cli: Cli, author: PromptRepository, text: str
) -> None:
    """It is named; the others stay."""
    odd = {**CASE, "id": "odd", "vars": {"text": text, "tone": "x"}}
    told = exported(
        cli, author, HEAD + prompt("{{text}}{{tone}}"), odd, {**CASE, "vars": odd["vars"] | {"text": "a\n"}}
    )

    (test,) = told["config"]["tests"]
    assert test["vars"]["text"] == "a\n\n"  # promptfoo removes one
    assert told["left_out"][0].startswith("the case odd: promptfoo")


def test_a_version_and_a_wrong_suite(cli: Cli, author: PromptRepository) -> None:
    """A version is that of its tag; a mistake is told with its place."""
    author.tag("chat", "1.0.0", HEAD + prompt("old"))
    commit(author, "prompts/chat.cases.jsonl", '{"id": 1}\n')

    assert "old" in cli("export", "promptfoo", "chat", "1.0.0").out
    wrong = cli("export", "promptfoo", "chat")
    assert wrong.code == 1
    assert "prompts/chat.cases.jsonl:1:2: an id is a text" in wrong.err
