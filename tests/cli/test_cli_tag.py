"""``promptstage tag``: a version is what HEAD holds, and only if it is fit to be served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import PromptRepository, prompt

from registry.cli import output

if TYPE_CHECKING:
    from cli.shell import Cli


@pytest.fixture
def tag(cli: Cli, author: PromptRepository) -> Cli:
    """The command line in the author's repository."""
    cli.folder = author.path
    return cli


def tags(author: PromptRepository) -> list[str]:
    """The tags that there are."""
    return author.git("tag", "--list").split()


def test_the_first_version_is_1_0_0(tag: Cli, author: PromptRepository) -> None:
    """Whatever part was asked to rise."""
    done = tag("tag", "summarize", "--patch")

    assert done.out.startswith("Tagged summarize/v1.0.0\n")
    assert author.git("cat-file", "-t", "summarize/v1.0.0") == "tag"


@pytest.mark.parametrize(
    ("option", "version"), [("--major", "2.0.0"), ("--minor", "1.3.0"), ("--patch", "1.2.4"), (None, "1.2.4")]
)
def test_the_next_version(tag: Cli, author: PromptRepository, option: str | None, version: str) -> None:
    """It follows the highest release of this prompt: neither a pre-release nor another prompt counts."""
    for made in ("summarize/v1.2.3", "summarize/v1.1.9", "summarize/v3.0.0-rc.1", "summarize/long/v7.0.0"):
        author.git("tag", made)
    commit(author, "prompts/summarize.prompt.yml", prompt("Shorter: {{text}}"))

    tag("tag", "summarize", *([option] if option else []))

    assert f"summarize/v{version}" in tags(author)


@pytest.mark.parametrize(
    ("text", "version", "reason"),
    [
        ("{{text}} for {{audience}}", "2.0.0", "major: it requires a new variable: audience (line 3)"),
        ("All of it", "2.0.0", "major: it removes a variable: text"),
        ("Shorter: {{text}}", "1.0.1", "patch: it changes the text of its messages (line 3)"),
    ],
)
def test_the_next_version_is_proposed(
    tag: Cli, author: PromptRepository, text: str, version: str, reason: str
) -> None:
    """By what has changed since the version before; it says why, and shows the difference."""
    author.tag("summarize", "1.0.0", prompt("{{text}}"))
    commit(author, "prompts/summarize.prompt.yml", prompt(text))

    done = tag("tag", "summarize")

    assert (done.code, done.err) == (0, "")
    assert f"summarize 1.0.0 -> {version}, a {reason.partition(':')[0]} version\n  {reason}\n" in done.out
    assert f'\n-    content: "{{{{text}}}}"\n+    content: "{text}"\n' in done.out
    assert f"summarize/v{version}" in tags(author)


def test_below_1_0_0_a_minor_version_may_break(tag: Cli, author: PromptRepository) -> None:
    """As SemVer promises nothing there; the headline says so."""
    author.tag("summarize", "0.1.0", prompt("{{text}}"))
    commit(author, "prompts/summarize.prompt.yml", prompt("{{other}}"))

    headline = "summarize 0.1.0 -> 0.2.0, a minor version; below 1.0.0, each part counts one less\n"
    assert tag("tag", "summarize").out.startswith(headline)


def test_a_bump_that_is_too_small_is_told(tag: Cli, author: PromptRepository) -> None:
    """In a pipe it is made nevertheless: the author has asked for it."""
    author.tag("summarize", "1.0.0", prompt("{{text}}"))
    commit(author, "prompts/summarize.prompt.yml", prompt("{{text}} {{audience}}"))

    done = tag("tag", "summarize", "--patch")

    assert "1.0.1 promises less than it changes; these changes call for a major version, 2.0.0" in done.err
    assert "summarize/v1.0.1" in tags(author)


def test_a_version_is_compared_with_the_one_below(tag: Cli, author: PromptRepository) -> None:
    """A correction of an old major version has nothing to do with the new one."""
    author.tag("summarize", "1.0.0", prompt("{{text}}"))
    author.tag("summarize", "2.0.0", prompt("{{other}}"))
    commit(author, "prompts/summarize.prompt.yml", prompt("Please: {{text}}"))

    done = tag("tag", "summarize", "--version", "1.0.1")

    assert (done.err, done.out.splitlines()[0]) == ("", "summarize 1.0.0 -> 1.0.1, a patch version")


def test_a_version_before_that_nobody_can_read(tag: Cli, author: PromptRepository) -> None:
    """It is told, and a patch follows."""
    author.tag("summarize", "1.0.0", "messages: 3\n")
    commit(author, "prompts/summarize.prompt.yml", prompt())

    assert "1.0.0 cannot be compared: it has no file that can be served" in tag("tag", "summarize").out
    assert "summarize/v1.0.1" in tags(author)


def test_nothing_new_is_nothing_to_tag(tag: Cli, author: PromptRepository) -> None:
    """Somebody forgot to commit; who means it names a part or a version."""
    author.tag("summarize", "1.0.0")

    done = tag("tag", "summarize")
    meant = tag("tag", "summarize", "--patch")

    assert (done.code, meant.code) == (1, 0)
    assert "in HEAD as it was in 1.0.0, so there is nothing to tag; git commit a change first" in done.err
    assert "it is the same file as in 1.0.0" in meant.err


def test_a_release_of_the_candidates_own_file(tag: Cli, author: PromptRepository) -> None:
    """What was tried as 2.0.0-rc.1 becomes 2.0.0, compared with 1.0.0."""
    author.tag("summarize", "1.0.0", prompt("{{text}}"))
    author.tag("summarize", "2.0.0-rc.1", prompt("{{other}}"))

    done = tag("tag", "summarize")

    assert (done.code, done.out.splitlines()[0]) == (0, "summarize 1.0.0 -> 2.0.0, a major version")


def test_a_trial_makes_nothing(tag: Cli, author: PromptRepository) -> None:
    """It shows the same, and needs no identity."""
    done = tag("tag", "summarize", "--dry-run", GIT_AUTHOR_NAME="", GIT_COMMITTER_NAME="")

    assert (done.code, tags(author)) == (0, [])
    assert done.out == "Nothing is tagged; without --dry-run it would be summarize/v1.0.0\n"


def test_a_secret_is_not_tagged(tag: Cli, author: PromptRepository) -> None:
    """It would be served to whoever may read prompts; the file itself can say that it is none."""
    key = "ghp_" + "a1B2" * 9
    commit(author, "prompts/summarize.prompt.yml", prompt(f"Use {key}"))
    refused = tag("tag", "summarize")
    commit(author, "prompts/summarize.prompt.yml", "# promptstage: ignore secret\n" + prompt(f"Use {key}"))
    allowed = tag("tag", "summarize")

    assert (refused.code, allowed.code) == (1, 0)
    assert "this looks like a token of GitHub" in refused.out
    assert key not in refused.out + refused.err


@pytest.mark.parametrize(("answer", "made"), [("n", []), ("y", ["summarize/v1.0.0"])])
def test_a_person_is_asked(
    tag: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch, answer: str, made: list[str]
) -> None:
    """On a terminal nothing is tagged before the answer."""
    monkeypatch.setattr(output, "is_dialogue", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, **_: answer == "y" and "v1.0.0" in question)

    assert tag("tag", "summarize").code == (answer == "n")
    assert tags(author) == made
    assert tag("tag", "summarize", "--patch", "--yes").code == 0


def test_an_author_whom_git_does_not_know(tag: Cli, author: PromptRepository) -> None:
    """It is told before anything is asked."""
    for person in ("AUTHOR", "COMMITTER"):
        tag.environment |= {f"GIT_{person}_NAME": "", f"GIT_{person}_EMAIL": ""}

    done = tag("tag", "summarize", EMAIL="")

    assert (done.code, tags(author)) == (1, [])
    assert "git config --global user.name" in done.err


def test_a_version_of_ones_own(tag: Cli, author: PromptRepository) -> None:
    """Such as a pre-release."""
    assert tag("tag", "summarize", "--version", "2.0.0-rc.1").code == 0
    assert tags(author) == ["summarize/v2.0.0-rc.1"]


def test_a_version_is_never_made_twice(tag: Cli, author: PromptRepository) -> None:
    """The next one is proposed."""
    author.git("tag", "summarize/v1.0.0")

    done = tag("tag", "summarize", "--version", "1.0.0")

    assert done.code == 1
    assert "1.0.0 is tagged already, and a version never changes; the next one is 1.0.1" in done.err


def test_the_message_is_the_last_commits_unless_one_is_given(tag: Cli, author: PromptRepository) -> None:
    """It is what the registry shows beside the version."""
    tag("tag", "summarize")
    tag("tag", "summarize", "--patch", "-m", "Shorter")

    messages = author.git("for-each-ref", "--format=%(contents:subject)", "refs/tags").splitlines()
    assert messages == ["Write prompts/summarize.prompt.yml", "Shorter"]


def test_a_message_may_begin_with_a_number_sign(tag: Cli, author: PromptRepository) -> None:
    """Many refer to a ticket, which git takes for a comment."""
    tag("tag", "summarize", "-m", "#12 First of all")

    assert author.git("tag", "-n1", "--list", "summarize/v1.0.0").split()[1:] == ["#12", "First", "of", "all"]


@pytest.mark.parametrize("staged", [False, True])
def test_what_is_not_committed_is_not_tagged(tag: Cli, author: PromptRepository, *, staged: bool) -> None:
    """The author would see one text, and everybody else would get another."""
    (author.path / "prompts/summarize.prompt.yml").write_text(prompt("new {{text}}"))
    if staged:
        author.git("add", "--all")

    done = tag("tag", "summarize")

    assert (done.code, tags(author)) == (1, [])
    assert "git commit it first" in done.err


def test_another_file_may_be_unfinished(tag: Cli, author: PromptRepository) -> None:
    """Only the file of this prompt matters."""
    (author.path / "prompts/other.prompt.yml").write_text("draft")

    assert tag("tag", "summarize").code == 0


def test_a_prompt_in_githubs_own_folder(tag: Cli, author: PromptRepository) -> None:
    """It is tagged where it is, if there is no prompts folder."""
    author.git("rm", "-r", "--quiet", "prompts")
    commit(author, ".github/prompts/review.prompt.yml", prompt())

    assert tag("tag", "review").code == 0


def test_a_broken_file_is_not_tagged(tag: Cli, author: PromptRepository) -> None:
    """The author is told where it is broken."""
    commit(author, "prompts/summarize.prompt.yml", "messages: 3\n")

    done = tag("tag", "summarize")

    assert (done.code, tags(author)) == (1, [])
    assert "prompts/summarize.prompt.yml:1:11: error[not_a_list]: messages must be a list" in done.out


def test_a_prompt_that_is_not_there(tag: Cli) -> None:
    """The path at which it would be is named."""
    assert "there is no prompts/support/reply.prompt.yml in HEAD; write it" in tag("tag", "support/reply").err


def test_the_first_prompt_of_a_repository_is_not_committed(cli: Cli) -> None:
    """As `init` leaves an existing repository; HEAD has no prompts folder yet."""
    repository = PromptRepository(cli.folder / "app")
    commit(repository, "README.md", "An app")
    cli("init", cwd=repository.path)

    done = cli("tag", "summarize", cwd=repository.path)

    assert (
        "the file of summarize differs from what HEAD holds; git add it and git commit it first" in done.err
    )


def test_a_prompt_of_a_repository_without_a_prompts_folder(cli: Cli) -> None:
    """Both places where it would be found are named."""
    repository = PromptRepository(cli.folder / "app")
    commit(repository, "reply.prompt.yml", prompt())

    done = cli("tag", "triage", cwd=repository.path)

    assert "there is no triage.prompt.yml or .github/prompts/triage.prompt.yml in HEAD" in done.err


def test_a_name_that_was_misspelt(tag: Cli) -> None:
    """The nearest ones that HEAD has are named."""
    assert "in HEAD; did you mean summarize?" in tag("tag", "sumarize").err


def test_the_path_of_the_file_will_do(tag: Cli, author: PromptRepository) -> None:
    """It is what a shell completes to."""
    assert tag("tag", "prompts/summarize.prompt.yml").code == 0
    assert tags(author) == ["summarize/v1.0.0"]


def test_both_suffixes_in_head(tag: Cli, author: PromptRepository) -> None:
    """The registry could not serve it either."""
    commit(author, "prompts/summarize.prompt.yaml", prompt())

    assert "are both in HEAD; git rm one" in tag("tag", "summarize").err


def test_from_a_folder_further_down(cli: Cli, author: PromptRepository) -> None:
    """Wherever the author is within the repository."""
    assert cli("tag", "summarize", cwd=author.path / "prompts").code == 0


def test_outside_of_a_repository(cli: Cli) -> None:
    """It says how to get one."""
    done = cli("tag", "summarize")

    assert done.code == 1
    assert "is in no git worktree" in done.err


def test_in_a_repository_of_another_user(tag: Cli) -> None:
    """Git's own remedy is passed on, a line that can be copied."""
    done = tag("tag", "summarize", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")

    assert done.code == 1
    assert "\n  git config --global --add safe.directory " in done.err


@pytest.mark.parametrize(
    "arguments", [["--major", "--minor"], ["--patch", "--version", "1.0.0"], ["--version", "1.0"]]
)
def test_contradictions_are_usage_errors(tag: Cli, arguments: list[str]) -> None:
    """Nothing is guessed."""
    assert tag("tag", "summarize", *arguments).code == 2


def test_what_comes_next(tag: Cli, author: PromptRepository) -> None:
    """A first version is for everyone, a later one for some; without a remote there is nothing to push."""
    first = tag("tag", "summarize")
    commit(author, "prompts/summarize.prompt.yml", prompt("Shorter: {{text}}"))
    second = tag("tag", "summarize")

    assert first.out == "Tagged summarize/v1.0.0\nRelease it:  promptstage promote summarize 1.0.0\n"
    assert second.out.endswith("\nRelease it:  promptstage start summarize 1.0.1\n")
