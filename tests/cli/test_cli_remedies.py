"""What an author is told to do helps: each remedy is followed here, and the command given again."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import PromptRepository, prompt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli

FILE = "prompts/summarize.prompt.yml"


def follow(cli: Cli, said: str, folder: Path) -> None:
    """Type the rest of a line in a folder, as an author would."""
    subprocess.run(
        ["/bin/sh", "-ec", said],
        cwd=folder,
        env={**os.environ, **cli.environment},
        check=True,
        capture_output=True,
    )


def test_inside_of_a_repository(cli: Cli, author: PromptRepository) -> None:
    """Its top is named, as a command."""
    author.git("mv", "prompts", "other folder")

    done = cli("init", cwd=author.path / "other folder")

    assert (
        f". is inside of a git repository; add prompts at its top: promptstage init {author.path}\n"
        in done.err
    )
    assert cli(*done.err.split("promptstage ")[1].split(), cwd=author.path / "other folder").code == 0


def test_a_folder_that_holds_something(cli: Cli, tmp_path: Path) -> None:
    """Both remedies work."""
    (tmp_path / "notes.txt").write_text("mine")

    assert "or make it a repository first: git init\n" in cli("init").err
    assert cli("init", "my-prompts").code == 0
    follow(cli, "git init", tmp_path)
    assert cli("init").code == 0


def test_a_file_is_no_folder(cli: Cli, tmp_path: Path) -> None:
    """Nor is what would be below one."""
    (tmp_path / "notes.txt").write_text("mine")

    assert (
        "notes.txt is a file; name a new folder: promptstage init my-prompts" in cli("init", "notes.txt").err
    )
    below = cli("init", "notes.txt/x").err
    assert "notes.txt/x cannot be read or written: Not a directory; name a folder of your own" in below


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(cli: Cli, tmp_path: Path) -> None:
    """One's own folder is named instead."""
    (tmp_path / "theirs").mkdir(mode=0o555)

    assert "Permission denied; name a folder of your own" in cli("init", "theirs/prompts").err


def test_a_repository_of_another_user(cli: Cli, author: PromptRepository) -> None:
    """Git's own remedy is passed on."""
    done = cli("init", cwd=author.path, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")

    assert (done.code, "\n  git config --global --add safe.directory " in done.err) == (1, True)


def test_a_beginning_that_fails_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    """So the same command can be given again."""
    (tmp_path / "empty").mkdir()
    setting = {"GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "../hooks"}
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "hooks/pre-commit").chmod(0o755)

    cli.environment |= {"GIT_CONFIG_COUNT": "1", **setting}
    codes = [cli("init", folder).code for folder in ("empty", "new")]
    cli.environment["GIT_CONFIG_COUNT"] = "0"

    assert (codes, (tmp_path / "new").exists(), list((tmp_path / "empty").iterdir())) == ([1, 1], False, [])
    assert [cli("init", folder).code for folder in ("empty", "new")] == [0, 0]


def test_the_next_steps_of_a_folder_with_a_blank(cli: Cli, tmp_path: Path) -> None:
    """They are there to be copied, from where the author is."""
    assert "promptstage serve --repository 'a b'\n" in cli("init", "a b").out
    PromptRepository(tmp_path / "c d")
    out = cli("init", "c d").out

    steps = out.split("then:\n")[1].split("  promptstage check")[0]
    follow(cli, steps, tmp_path)
    assert cli("tag", "summarize", cwd=tmp_path / "c d").code == 0


def test_a_file_that_is_not_committed(cli: Cli, tmp_path: Path) -> None:
    """A new one has to be added, too."""
    repository = PromptRepository(tmp_path / "new")
    (repository.path / "prompts").mkdir()
    (repository.path / FILE).write_text(prompt())

    done = cli("tag", "summarize", cwd=repository.path)
    repository.git("add", FILE)
    repository.git("commit", "-m", "One")

    assert "git add it and git commit it first, then tag it" in done.err
    assert cli("tag", "summarize", cwd=repository.path).code == 0


def test_a_file_that_git_ignores(cli: Cli, author: PromptRepository) -> None:
    """A commit alone would never take it."""
    commit(author, ".gitignore", "prompts/draft*\n")
    (author.path / "prompts/draft.prompt.yml").write_text(prompt())

    done = cli("tag", "draft", cwd=author.path)
    follow(cli, done.err.split("git ignores it: ")[1].split(", and")[0] + "; git commit -m x", author.path)

    assert cli("tag", "draft", cwd=author.path).code == 0


def test_a_name_in_capitals(cli: Cli, author: PromptRepository) -> None:
    """The name that would do leads to the file that is to be renamed."""
    author.git("mv", FILE, "prompts/Summarize.prompt.yml")
    author.git("commit", "-m", "Capitals")

    first = cli("tag", "Summarize", cwd=author.path)
    second = cli("tag", "summarize", cwd=author.path)
    follow(cli, second.err.split("there: ")[1].split(", and")[0] + "; git commit -m x", author.path)

    assert (
        "'Summarize' is no prompt's name; use a-z, 0-9, _ and - in parts joined by /; did you mean"
        in first.err
    )
    assert cli("tag", "summarize", cwd=author.path).code == 0


def test_a_tag_in_the_way(cli: Cli, author: PromptRepository) -> None:
    """Git keeps tags as files and folders, so `summarize` and `summarize/v1.0.0` exclude each other."""
    author.git("tag", "summarize")

    done = cli("tag", "summarize", cwd=author.path)
    follow(cli, done.err.split("rename it:  ")[1], author.path)

    assert cli("tag", "summarize", cwd=author.path).code == 0
    assert author.git("tag", "--list").split() == ["summarize-old", "summarize/v1.0.0"]


def test_a_symbolic_link_in_head(cli: Cli, author: PromptRepository) -> None:
    """Its text would be read as YAML otherwise."""
    (author.path / "prompts/again.prompt.yml").symlink_to("summarize.prompt.yml")
    author.git("add", "--all")
    author.git("commit", "-m", "Link")

    assert "again.prompt.yml is a symbolic link in HEAD" in cli("tag", "again", cwd=author.path).err


@pytest.mark.parametrize(
    "settings", [{"core.autocrlf": "true"}, {"core.autocrlf": "input"}, {"core.eol": "crlf"}]
)
def test_line_ends_of_windows(cli: Cli, author: PromptRepository, settings: dict[str, str]) -> None:
    """What git makes of them is what is tagged; nothing is in the way."""
    commit(author, ".gitattributes", "* text=auto\n")
    for key, value in settings.items():
        author.git("config", key, value)
    file = author.path / FILE
    file.write_bytes(prompt("{{text}}!").replace("\n", "\r\n").encode())

    checked = cli("check", cwd=author.path)
    author.git("commit", "-am", "Windows")
    tagged = cli("tag", "summarize", cwd=author.path)

    assert (checked.code, checked.out, tagged.code) == (0, "1 prompt file, 0 errors, 0 warnings\n", 0)
    assert b"\r" not in subprocess.check_output(["git", "show", f"HEAD:{FILE}"], cwd=author.path)
