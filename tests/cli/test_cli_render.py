"""``promptstage render``: the messages of a prompt with values in them, without a registry."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import prompt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository

FILE = """\
variables:
  - {name: text}
  - {name: tone, required: false, default: neutral}
messages:
  - {role: system, content: "Be {{tone}}."}
  - {role: user, content: "Summarize: {{text}}"}
testData:
  - {text: a parcel, expected: a summary}
"""


@pytest.fixture
def shop(author: PromptRepository, cli: Cli) -> Cli:
    """The command line in a repository whose prompt has two variables and a case."""
    commit(author, "prompts/summarize.prompt.yml", FILE)
    cli.folder = author.path
    return cli


def test_values_go_into_the_file_of_the_worktree(shop: Cli) -> None:
    """As it is now, committed or not; a default stands in for what is not given."""
    file = shop.folder / "prompts/summarize.prompt.yml"
    file.write_text(FILE.replace("Be ", "Stay "))

    done = shop("render", "summarize", "-v", "text=it\nis long", "-v", "tnoe=warm")

    assert done.out == "system:\n  Stay neutral.\n\nuser:\n  Summarize: it\n  is long\n"
    assert "summarize has no variable tnoe" in done.err


def test_a_version_is_the_tagged_one(shop: Cli, author: PromptRepository) -> None:
    """Of this repository, whatever the worktree holds; `latest` is the newest."""
    author.tag("summarize", "1.0.0", prompt("One {{text}}"))
    author.tag("summarize", "1.1.0", prompt("Two {{text}}"))

    assert "One x" in shop("render", "summarize", "1.0.0", "-v", "text=x").out
    done = json.loads(shop("render", "summarize", "latest", "-v", "text=x", "--json").out)
    assert done == {
        "prompt": "summarize",
        "version": "1.1.0",
        "messages": [{"role": "user", "content": "Two x"}],
    }
    missing = shop("render", "summarize", "3.0.0")
    assert (missing.code, "here are 1.1.0, 1.0.0" in missing.err) == (1, True)


def test_the_sources_of_values(shop: Cli) -> None:
    """An option wins over the JSON file, and that over the case; a file's text is taken with @."""
    (shop.folder / "values.json").write_text('{"tone": "warm", "text": "of the file"}')
    (shop.folder / "thread.txt").write_text("of the thread")

    assert "Summarize: a parcel" in shop("render", "summarize", "--case", "1").out
    done = shop("render", "summarize", "--case", "1", "--vars", "values.json", "-v", "text=@thread.txt")
    assert done.out == "system:\n  Be warm.\n\nuser:\n  Summarize: of the thread\n"
    piped = shop.piped("render", "summarize", "--vars", "-", stdin='{"text": 3}')
    assert "Summarize: 3" in piped.out


def test_one_error_names_all_that_is_missing(shop: Cli) -> None:
    """With the command that gives it, and the one that takes the file's own data, which work."""
    done = shop("render", "summarize")
    *_, given, _, case = done.err.splitlines()

    assert done.code == 1
    assert "summarize needs text; give it:" in done.err
    for command in (given, case):
        assert shop(*command.replace("...", "x").split()[1:]).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sumarize"], "did you mean summarize?"),
        (["summarize", "--case", "2"], "prompts/summarize.prompt.yml has 1 in its testData"),
        (["summarize", "-v", "text"], "write it like text=hello"),
        (["summarize", "-v", "text=@absent.txt"], "absent.txt: No such file"),
        (["summarize", "--vars", "prompts/summarize.prompt.yml"], "is no JSON"),
    ],
)
def test_bad_input_is_told(shop: Cli, arguments: list[str], said: str) -> None:
    """In one sentence, which names the remedy."""
    done = shop("render", *arguments)

    assert done.code != 0
    assert said in " ".join(done.err.split())


def test_a_broken_file_has_its_place(cli: Cli, tmp_path: Path) -> None:
    """Outside of git, too."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/summarize.prompt.yml").write_text("name: S\nmessages: 3\n")

    assert "prompts/summarize.prompt.yml:2:11: messages must be a list" in cli("render", "summarize").err


def test_a_declared_type_makes_a_value_json(shop: Cli, author: PromptRepository) -> None:
    """So that a condition can be false, and a section can have items, on the command line."""
    variables = "variables: {items: {type: list}, is_short: {type: boolean}}"
    texts = "{{#items}}{{.}};{{/items}}{{^is_short}}long{{/is_short}}"
    commit(
        author,
        "prompts/list.prompt.yml",
        f"template: mustache\n{variables}\nmessages: [{{role: user, content: '{texts}'}}]\n",
    )

    done = shop("render", "list", "-v", 'items=["a", "b"]', "-v", "is_short=false")
    assert done.out == "user:\n  a;b;long\n"
    wrong = shop("render", "list", "-v", "items=a")
    assert (wrong.code, "items is a list, so its value is JSON" in wrong.err) == (1, True)


def test_partials_are_put_in(shop: Cli, author: PromptRepository) -> None:
    """Those of the worktree, and those of the tagged commit; its own data is still found."""
    file = "template: mustache\n" + FILE.replace("Be {{tone}}.", "{{> shared/style.md}}")
    commit(author, "prompts/shared/style.md", "Sound {{tone}}.")
    author.tag("summarize", "1.0.0", file)
    (shop.folder / "prompts/shared/style.md").write_text("Look {{tone}}.")

    assert "Look neutral." in shop("render", "summarize", "--case", "1").out
    assert "Sound neutral." in shop("render", "summarize", "1.0.0", "--case", "1").out


CHAT = """\
messages:
  - role: system
    content: [{type: text, text: "Help {{name}}."}, {type: image_url, image_url: {url: "{{picture}}"}}]
  - {placeholder: history}
  - {placeholder: examples, optional: true}
"""


def test_parts_and_given_messages(shop: Cli, author: PromptRepository) -> None:
    """A content that is no text is shown as JSON; messages are spliced in from their JSON."""
    commit(author, "prompts/chat.prompt.yml", CHAT)
    missing = shop("render", "chat", "-v", "picture=http://x")
    _, *remedy = shlex.split(missing.err.splitlines()[-1].replace("name=...", "name=Ada"))
    done = shop(*remedy, "-v", "picture=http://x")

    assert "chat needs name, history; give them:" in missing.err
    assert (done.code, done.err) == (0, "")
    assert '"text": "Help Ada."' in done.out
    assert done.out.endswith("user:\n  ...\n")
    wrong = shop("render", "chat", "-v", "name=a", "-v", "picture=b", "-v", "history=c")
    assert "history is a placeholder, so its value is JSON: -v history='[{" in wrong.err
    text = shop("render", "chat", "-v", "name=a", "-v", "picture=b", "-v", 'history="c"')
    assert "history of chat is a list of messages" in text.err


def test_values_from_stdin(shop: Cli) -> None:
    """A JSON object by --vars, or the text of one variable."""
    assert (
        "Summarize: it is" in shop.piped("render", "summarize", "--vars", "-", stdin='{"text": "it is"}').out
    )
    assert "Summarize: it is" in shop.piped("render", "summarize", "-v", "text=@-", stdin="it is").out


@pytest.mark.parametrize("given", [("--vars", "-"), ("-v", "text=@-")])
def test_stdin_that_is_no_text(shop: Cli, given: tuple[str, str]) -> None:
    """Where the locale is strict, Python itself would fail before the command could say so."""
    done = shop.process("render", "summarize", *given, stdin=b"\xff", PYTHONIOENCODING="utf-8:strict")

    assert (done.code, done.err) == (1, "Error: stdin is not UTF-8; save it as UTF-8\n")


def test_a_value_that_never_ends(shop: Cli) -> None:
    """A device is read as far as a value may go, not until the memory is full."""
    assert shop("render", "summarize", "-v", "text=@/dev/zero").err == (
        "Error: /dev/zero has more than 64 MiB; pass a shorter value\n"
    )
