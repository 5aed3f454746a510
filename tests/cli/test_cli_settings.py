"""``promptstage.toml``, as the commands of authors obey it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import prompt

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import PromptRepository

SETTINGS = '[prompts]\nfolder = "ai/prompts"\nexclude = ["**/__fixtures__/**"]\n'
ODD = prompt() + "colour: red\n"


@pytest.fixture
def placed(cli: Cli, author: PromptRepository) -> Cli:
    """The command line in a repository whose prompts are in a folder of their own."""
    cli.folder = author.path
    author.git("rm", "--quiet", "-r", "prompts")
    commit(author, "ai/prompts/summarize.prompt.yml", prompt())
    commit(author, "ai/prompts/x/__fixtures__/broken.prompt.yml", "messages: 3\n")
    commit(author, "elsewhere.prompt.yml", "messages: 3\n")
    commit(author, "promptstage.toml", SETTINGS)
    return cli


def test_check_reads_the_folder_alone(placed: Cli, author: PromptRepository) -> None:
    """Without what is excluded, also where a file is named, as a hook of git does."""
    fixture = "ai/prompts/x/__fixtures__/broken.prompt.yml"

    assert placed("check").out == "1 prompt file, 0 errors, 0 warnings\n"
    assert placed("check", fixture).out.startswith("0 prompt files, 0 errors")
    assert placed("check", cwd=author.path / "ai/prompts").out == "1 prompt file, 0 errors, 0 warnings\n"


def test_codes_are_off_or_errors(placed: Cli, author: PromptRepository) -> None:
    """For `check` and for `tag`."""
    commit(author, "ai/prompts/summarize.prompt.yml", ODD)
    commit(author, "promptstage.toml", f'{SETTINGS}[check]\nerror = ["unknown_key"]\n')
    checked, tagged = placed("check"), placed("tag", "summarize")
    commit(author, "promptstage.toml", f'{SETTINGS}[check]\noff = ["unknown_key"]\n')

    assert checked.code == 1
    assert "error[unknown_key]: unknown key 'colour' has no effect" in checked.out
    assert "is not fit to be a version" in tagged.err
    assert placed("check", "--strict").out == "1 prompt file, 0 errors, 0 warnings\n"
    assert placed("tag", "summarize").code == 0


def test_broken_settings_are_a_problem_with_its_place(placed: Cli, author: PromptRepository) -> None:
    """`check` lists it; the others end with it, and make nothing."""
    commit(author, "promptstage.toml", "[prompts]\nfolders = 'x'\n")
    words = "there is no 'folders' in [prompts]; did you mean folder?"

    assert placed("check").out.startswith(f"promptstage.toml:2:1: error[settings]: {words}\n")
    assert json.loads(placed("check", "--json").out)["problems"][0]["line"] == 2
    for command in (("tag", "summarize"), ("init",)):
        assert placed(*command).err.startswith(f"Error: promptstage.toml:2: {words}")
    assert author.git("tag", "--list") == ""


def test_tag_reads_what_head_holds(placed: Cli, author: PromptRepository) -> None:
    """A prompt has its name from that folder on; settings that are not committed are not the registry's."""
    done = placed("tag", "ai/prompts/summarize.prompt.yml")
    fixture = placed("tag", "x/__fixtures__/broken")
    (author.path / "promptstage.toml").write_text("")

    assert done.out.startswith("Tagged summarize/v1.0.0\n")
    assert fixture.code == 2
    assert "promptstage.toml differs from what HEAD holds" in placed("tag", "summarize").err


def test_a_moved_folder_is_no_change_of_the_prompt(placed: Cli, author: PromptRepository) -> None:
    """Each version is read where its own commit has it; its warnings, too."""
    placed("tag", "summarize")
    author.git("mv", "ai/prompts", "texts")
    commit(author, "promptstage.toml", '[prompts]\nfolder = "texts"\n')
    author.git("rm", "--quiet", "-r", "texts/x")
    author.git("commit", "--quiet", "-m", "x")

    assert "summarize is in HEAD as it was in 1.0.0" in placed("tag", "summarize").err
    assert placed("check").out == "1 prompt file, 0 errors, 0 warnings\n"


def test_what_is_excluded_cannot_be_tagged(placed: Cli, author: PromptRepository) -> None:
    """The registry would not serve it."""
    commit(author, "promptstage.toml", SETTINGS.replace("**/__fixtures__/**", "summarize.*"))

    done = placed("tag", "summarize")

    assert "ai/prompts/summarize.prompt.yml is excluded by promptstage.toml, so it is no prompt" in done.err


def test_init_puts_samples_into_the_folder(cli: Cli, author: PromptRepository) -> None:
    """Where the repository keeps its prompts, or will."""
    author.git("rm", "--quiet", "-r", "prompts")
    commit(author, "promptstage.toml", SETTINGS)

    cli("init", cwd=author.path)

    assert (author.path / "ai/prompts/summarize.prompt.yml").exists()
    assert not (author.path / "prompts").exists()


def test_a_folder_that_has_no_prompts(author: PromptRepository, placed: Cli) -> None:
    """The settings are told, as they named it, and the example is one of theirs; elsewhere nothing counts."""
    (author.path / "summarize.yml").write_text("messages: []\n")
    (author.path / "promptstage.toml").write_text('[prompts]\nfolder = "nowhere"\n')

    assert placed("check").err == (
        "Error: there is no prompt file in nowhere; promptstage.toml names this folder; "
        "a prompt is a file such as nowhere/summarize.prompt.yml\n"
    )
