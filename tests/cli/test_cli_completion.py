"""What a shell completes, in a real bash: commands, options, and the prompts of the worktree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from fork_server import PROGRAM
from support import GIT, prompt

from registry.cli.author import completion

if TYPE_CHECKING:
    from support import PromptRepository

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
COMPLETE = 'COMP_WORDS=({}); COMP_CWORD={}; _promptstage_completion promptstage; echo "${{COMPREPLY[@]}}"'


def bash(script: str, folder: Path, home: Path) -> str:
    """Run a script in bash with its own home folder, and return its output.

    The program looks for its shell among its parents, so it is not forked.
    """
    program = f"{Path(PROGRAM[0]).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **GIT, "PATH": program, "HOME": str(home)}
    command = ["bash", "--norc", "-ec", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_what_bash_completes(author: PromptRepository, tmp_path: Path) -> None:
    """Once it is installed for whoever asks for it, from any folder of the worktree."""
    commit(author, "prompts/support/triage.prompt.yaml", prompt())
    commit(author, "elsewhere/other.prompt.yml", prompt())
    asked = ["promptstage tag su", "promptstage tag summarize --pu"]
    completed = [COMPLETE.format(words, len(words.split()) - 1) for words in asked]
    script = "\n".join(["promptstage --install-completion", "source ~/.bashrc", *completed])

    assert bash(script, author.path / "prompts/support", tmp_path).splitlines()[-2:] == [
        "summarize support/triage",
        "--push",
    ]


def test_the_script_that_is_shown(tmp_path: Path) -> None:
    """For those who keep such scripts elsewhere."""
    script = 'eval "$(promptstage --show-completion)"\n' + COMPLETE.format("promptstage ta", 1)

    assert bash(script, tmp_path, tmp_path) == "tag\n"


def test_which_names_are_completed(
    author: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the prompts folder, if there is one; none, and no complaint, where git says nothing."""
    commit(author, ".github/prompts/review.prompt.yml", prompt())
    monkeypatch.chdir(author.path / ".github")
    assert completion.names("") == ["summarize"]

    author.git("rm", "--quiet", "-r", "prompts")
    assert completion.names("r") == ["review"]

    monkeypatch.chdir(tmp_path)
    assert completion.names("") == []
    monkeypatch.setenv("PATH", "")
    assert completion.names("") == []
