"""What the client's page says of types is what a type checker says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.shell import Cli, commit
from cli.test_cli_types import mypy
from pages.markdown import blocks
from support import PromptRepository

if TYPE_CHECKING:
    from pathlib import Path


def test_the_errors_are_where_it_shows_them(tmp_path: Path) -> None:
    """Of an app with the prompt that the page about files begins with."""
    shown, *_ = blocks("docs/client.md", "py")
    repository = PromptRepository(tmp_path / "repository")
    commit(repository, "prompts/summarize.prompt.yml", blocks("docs/prompt-file.md", "yaml")[0].text)
    Cli(repository.path)("types", "--head")
    (repository.path / "app.py").write_text(shown.text)
    marked = {number for number, line in enumerate(shown.text.splitlines(), 1) if re.search("# error", line)}

    assert mypy(repository.path) == marked
