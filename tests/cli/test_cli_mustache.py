"""Prompts in Mustache on the command line: checked, tagged, shown, compared and promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.conftest import MUSTACHE
from cli.shell import commit

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import PromptRepository


def test_show_has_the_language_and_the_text(manager: Cli) -> None:
    """As the author wrote it; a version of the first edition names no language."""
    out = manager("show", "retrieve", "1.1.0").out

    assert "Template:     mustache\nVariables:    question, contexts (" in out
    assert "user:\n  Answer {{question}}\n  {{#contexts}}\n  - {{title}}\n  {{/contexts}}\n" in out
    assert "Template:" not in manager("show", "retrieve", "1.0.0").out


def test_a_difference_between_the_editions(manager: Cli) -> None:
    """The lines that changed, and what that means."""
    out = manager("diff", "retrieve", "1.0.0", "1.1.0").out

    assert "+template: mustache\n" in out
    assert "Changed:  variables, messages, template\n" in out


def test_a_first_version_is_shown_whole(manager: Cli) -> None:
    """Before it is promoted, and where it is only asked what would happen."""
    done = manager("promote", "retrieve", "1.1.0", "--dry-run")

    assert "+  {{#contexts}}\n" in done.out + done.err


def test_a_check_finds_the_place(author: PromptRepository, cli: Cli) -> None:
    """Of a section that is not closed, in the line of the file."""
    commit(author, "prompts/answer.prompt.yml", MUSTACHE.replace("      {{/contexts}}\n", ""))
    done = cli("check", str(author.path))

    assert done.code == 1
    assert "prompts/answer.prompt.yml:6:7: error[section]: {{#contexts}} is not closed" in done.out


def test_a_tag_says_what_it_means(author: PromptRepository, cli: Cli) -> None:
    """A text that turns into a section is a major change, as apps must pass a list."""
    author.tag(
        "answer",
        "1.0.0",
        MUSTACHE.replace("{{#contexts}}\n      - {{title}}\n      {{/contexts}}", "{{contexts}}"),
    )
    commit(author, "prompts/answer.prompt.yml", MUSTACHE)
    done = cli("tag", "answer", "--dry-run", cwd=author.path)

    assert "2.0.0" in done.out
    assert "takes as a section what was text: contexts" in done.out
