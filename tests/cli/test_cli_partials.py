"""Partials on the command line: followed where files are checked, rendered, tagged and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli.shell import commit

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import PromptRepository

FILE = """\
template: mustache
messages:
- role: user
  content: |
    Answer {{question}}
    {{> shared/style.md}}
"""


@pytest.fixture
def work(cli: Cli, author: PromptRepository) -> Cli:
    """The command line in a repository whose prompt has a partial, tagged as 1.0.0."""
    commit(author, "prompts/shared/style.md", "Be {{tone}}.\n{{> shared/rules.md}}\n")
    commit(author, "prompts/shared/rules.md", "Never lie.\n")
    author.tag("answer", "1.0.0", FILE)
    cli.folder = author.path
    return cli


def test_render_puts_them_in(work: Cli, author: PromptRepository) -> None:
    """From the worktree as it is now, and from a version as it was."""
    (author.path / "prompts/shared/rules.md").write_text("Never guess.\n")
    values = ("-v", "question=why", "-v", "tone=kind")

    assert work("render", "answer", *values).out == "user:\n  Answer why\n  Be kind.\n  Never guess.\n"
    assert "Never lie." in work("render", "answer", "1.0.0", *values).out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("rm shared/rules.md", "is not there; write the file, or correct the path"),
        ("mv shared/rules.md shared/Rules.md", "is not there; did you mean Rules.md?"),
        ("ln -sf style.md shared/rules.md", "is a symbolic link; put a file there"),
        ("mv shared real; ln -s real shared", "is a symbolic link; put a file there"),
        ("rm shared/rules.md; mkdir shared/rules.md", "is a folder; put a file there"),
        ("head -c 10000000 /dev/zero > shared/rules.md", "has more than 64 KiB"),
        (
            "echo '{{> shared/style.md}}' > shared/rules.md",
            "asks for itself: shared/style.md -> shared/rules.md",
        ),
    ],
)
def test_check_names_the_line_that_asks(
    work: Cli, author: PromptRepository, command: str, words: str
) -> None:
    """In the prompt file, also if another partial asks."""
    author.git("-c", f"alias.do=!cd prompts; {command}", "do")
    done = work("check")

    assert done.code == 1
    assert "prompts/answer.prompt.yml:6:5: error[partial]: '{{> shared/style.md}}' " in done.out
    assert words in done.out


def test_tag_takes_them_from_head(work: Cli, author: PromptRepository) -> None:
    """A partial alone makes a version; one that is not committed holds it back."""
    assert "there is nothing to tag" in work("tag", "answer").err
    rules = author.path / "prompts/shared/rules.md"
    rules.write_text("Never guess, {{name}}.\n")
    assert (
        "prompts/shared/rules.md, a partial of answer, differs from what HEAD holds"
        in work("tag", "answer").err
    )

    author.git("commit", "-qam", "guess")
    done = work("tag", "answer", "--yes")
    assert "major: it requires a new variable: name" in done.out
    assert "\n-    Never lie.\n+    Never guess, {{name}}.\n" in done.out
    assert done.out.endswith("Tagged answer/v2.0.0\nRelease it:  promptstage start answer 2.0.0\n")

    author.git("rm", "-q", "prompts/shared/rules.md")
    author.git("commit", "-qm", "no rules")
    refused = work("tag", "answer")
    assert (
        "answer.prompt.yml:6:5: '{{> shared/style.md}}' asks for shared/rules.md, which is not in"
        in refused.err
    )
