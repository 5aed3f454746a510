"""What the page about prompt files shows: files that are clean, what the check says of others, and tags."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from cli.shell import Cli
from pages.markdown import Block, blocks, read
from pages.running import environment, shell

from promptstage.clock import Freshness
from promptstage.evaluation import STATIC
from promptstage.model import Decision, Served
from promptstage.prompt import make_prompt
from registry.catalog.naming import RESERVED
from registry.catalog.parsing import lint, repository_settings
from registry.catalog.parsing.document import _KEYS, FORMATS, parse
from registry.catalog.parsing.eval_settings import EvalSettings, ModelEndpoint
from registry.catalog.parsing.messages import ROLES
from registry.catalog.parsing.repository_settings import RepositorySettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "docs/prompt-file.md"


def files() -> Iterator[tuple[Block, str]]:
    """Each file with what the check says of it, which is in the block after it, if it says anything."""
    shown = blocks(PAGE)
    for block, after in zip(shown, [*shown[1:], None], strict=True):
        if block.language == "yaml":
            yield block, after.text if after and after.language == "text" else ""


@pytest.mark.parametrize(("block", "said"), list(files()), ids=lambda value: getattr(value, "line", ""))
def test_a_file(tmp_path: Path, block: Block, said: str) -> None:
    """The check says what is shown, and nothing of the files after which nothing is shown."""
    file = tmp_path / "prompts/summarize.prompt.yml"
    file.parent.mkdir()
    file.write_text(block.text)

    assert Cli(tmp_path)("check").out.startswith(said or "1 prompt file, 0 errors, 0 warnings\n")
    assert bool(said) == bool(lint.check(block.text.encode(), file.name))


def test_what_a_file_renders_to() -> None:
    """The text that is shown is that of the file before it, which is an expression that is true."""
    shown = blocks(PAGE)
    rendered = [pair for pair in pairwise(shown) if pair[1].language == "python"]
    for file, python in rendered:
        document = parse(file.text.encode(), PAGE).document
        served = Served("1.0.0", None, "", "", document)
        prompt = make_prompt(
            "a", served, Decision("1.0.0", "stable", STATIC, None, None), "live", Freshness()
        )
        *assignments, expression = ast.parse(python.text).body
        names: dict[str, object] = {"prompt": prompt}
        exec(compile(ast.Module(assignments, []), PAGE, "exec"), names)
        assert isinstance(expression, ast.Expr)
        assert eval(compile(ast.Expression(expression.value), PAGE, "eval"), names) is True
    assert rendered


def test_every_text_follows_a_file() -> None:
    """So none is left unread."""
    assert len(blocks(PAGE, "text")) == len([said for _, said in files() if said])


def test_the_settings() -> None:
    """Those that are shown are read, and leave no key out."""
    (block,) = blocks(PAGE, "toml")
    found = repository_settings.parse(block.text.encode())

    assert found == RepositorySettings(
        "assistant/prompts",
        ("**/__fixtures__/**",),
        off=frozenset(["unknown_key"]),
        error=frozenset(["unused_variable"]),
        eval=EvalSettings(
            min_pass_rate=0.95,
            judge="openai/gpt-5.4",
            models=(ModelEndpoint("anthropic/*", "https://openrouter.ai/api/v1", publisher=True),),
        ),
    )


def test_every_key_and_word_is_named() -> None:
    """Those that the reader of files knows."""
    page = read(PAGE)

    assert [key for key in (*_KEYS, *FORMATS, *RESERVED) if f"`{key}`" not in page] == []
    assert [role for role in ROLES if role not in page] == []


def test_the_commands(tmp_path: Path) -> None:
    """The proposal is shown, and the tag is published, in a repository with a remote."""
    variables = environment(tmp_path)
    shell(
        "promptstage init work; git init --bare --quiet remote.git; cd work\n"
        "git remote add origin ../remote.git; git push --quiet origin HEAD --tags\n"
        "sed -i s/Write/Say/ prompts/summarize.prompt.yml; git commit -qam 'Say it'\n"
        "git push --quiet origin HEAD",
        tmp_path,
        variables,
    )
    for block in blocks(PAGE, "sh"):
        assert "1.0.1" in shell(block.text, tmp_path / "work", variables)

    assert "summarize/v1.0.1" in shell("git --git-dir=remote.git tag", tmp_path, variables)
