"""``promptstage tag --changed``: all prompts that have changed, at once, or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from cli.test_cli_tag_push import Host
from support import prompt

from registry.cli import output
from registry.cli.author import worktree

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that the author pushes to."""
    return Host(tmp_path / "host.git")


@pytest.fixture
def tag(cli: Cli, author: PromptRepository, host: Host) -> Cli:
    """A repository with a prompt that is unchanged, two that have changed, and one that is new."""
    for name in ("same", "text", "support/major"):
        author.tag(name, "1.0.0", prompt(f"{name}: {{{{text}}}}"))
    author.git("remote", "add", "origin", str(host.path))
    author.git("push", "--quiet", "origin", "main", "--tags")
    commit(author, "prompts/text.prompt.yml", prompt("In short: {{text}}"))
    commit(author, "prompts/support/major.prompt.yml", prompt("{{text}} {{audience}}"))
    commit(author, "README.md", "# Ours")
    cli.folder = author.path
    return cli


NEW = ["summarize/v1.0.0", "support/major/v2.0.0", "text/v1.0.1"]
OLD = ["same/v1.0.0", "support/major/v1.0.0", "text/v1.0.0"]


def tags(author: PromptRepository) -> list[str]:
    """The tags that there are."""
    return author.git("tag", "--list").split()


def test_all_that_changed_is_tagged(tag: Cli, author: PromptRepository) -> None:
    """Each with its own part, its reason, and the subject of the commit that changed it."""
    done = tag("tag", "--changed")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        "summarize 1.0.0, its first version\n"
        "support/major 1.0.0 -> 2.0.0, a major version\n"
        "  major: it requires a new variable: audience (line 3)\n"
    )
    assert (
        "\ntext 1.0.0 -> 1.0.1, a patch version\n  patch: it changes the text of its messages (line 3)\n"
        in done.out
    )
    assert "Publish them:  promptstage tag --changed --push\n" in done.out
    assert tags(author) == sorted([*OLD, *NEW])
    assert (
        author.git("tag", "--list", "--format=%(subject)", "text/v1.0.1") == "Write prompts/text.prompt.yml"
    )


def test_of_many_the_first_are_shown_and_the_others_counted(tag: Cli, author: PromptRepository) -> None:
    """Five commands show how; that there are more is said."""
    for number in range(7):
        (author.path / f"prompts/many-{number}.prompt.yml").write_text(prompt())
    author.git("add", "--all")
    author.git("commit", "--quiet", "-m", "Many")

    done = tag("tag", "--changed", "--yes")

    number = done.out.count("Tagged ")
    assert done.out.count("Release it:") == 5
    assert done.out.endswith(f"\nand {number - 5} more in the same way\n")


def test_nothing_changed_is_nothing_to_tag(tag: Cli, author: PromptRepository) -> None:
    """It is no error: a job may run it at every push."""
    tag("tag", "--changed", "-m", "Release")
    done = tag("tag", "--changed")

    assert (done.code, done.out) == (
        0, "Every prompt is in HEAD as in its newest version; there is nothing to tag\n",
    )  # fmt: skip
    assert author.git("tag", "--list", "--format=%(subject)", "text/v1.0.1") == "Release"


def test_what_would_be_tagged(tag: Cli, author: PromptRepository) -> None:
    """For people and for programs; nothing is made."""
    shown, told = (
        tag("tag", "--changed", "--dry-run"),
        json.loads(tag("tag", "--changed", "--dry-run", "--json").out),
    )

    assert shown.out.endswith("Nothing is tagged; without --dry-run 3 versions would be\n")
    assert [version["tag"] for version in told["versions"]] == NEW
    assert (told["tagged"], told["versions"][1]["changes"][0]["part"]) == (False, "major")
    assert tags(author) == OLD


def test_a_person_is_asked_once(tag: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how many versions, and where they go."""
    asked: list[str] = []
    monkeypatch.setattr(output, "is_dialogue", lambda: True)
    monkeypatch.setattr(output, "ask", asked.append)
    done = tag("tag", "--changed", "--push")

    assert asked == ["Tag HEAD with 3 versions, and push 3 tags to origin?"]
    assert (done.code, tags(author)) == (1, OLD)


@pytest.mark.parametrize("is_atomic", [True, False])
def test_all_are_pushed_together(tag: Cli, author: PromptRepository, host: Host, is_atomic: bool) -> None:
    """Also to a host that takes them one by one; what is tagged already is not pushed again."""
    host.git("config", "receive.advertiseAtomic", str(is_atomic).lower())
    done = tag("tag", "--changed", "--push", "--json")

    assert (done.code, done.err.partition(":")[0]) == (0, "Note" if done.err else "")
    assert {version["pushed_to"] for version in json.loads(done.out)["versions"]} == {"origin"}
    assert host.tags() == tags(author) == sorted([*OLD, *NEW])


def test_a_refused_push_is_made_good_by_the_same_command(
    tag: Cli, author: PromptRepository, host: Host
) -> None:
    """None arrives where one is refused; all are here, and no other version is made."""
    hook = host.hook("update", 'case "$1" in refs/tags/text/*) exit 1;; esac')
    refused = tag("tag", "--changed", "--push")
    there = host.tags()
    hook.unlink()
    done = tag("tag", "--changed", "--push")

    assert (refused.code, there) == (1, OLD)
    assert (
        "0 of 3 tags are pushed, and all are here; push the others:  promptstage tag --changed --push"
        in refused.err
    )
    assert "text 1.0.1, which is tagged already, and not pushed\n" in done.out
    assert (done.code, host.tags()) == (0, sorted([*OLD, *NEW]))


def test_another_author_was_faster(tag: Cli, author: PromptRepository, host: Host) -> None:
    """One of the versions is there already: ours are taken back, as that one can never be pushed."""
    host.hook("update", f'case "$1" in refs/tags/*) git -C {host.path} tag text/v1.0.1 main;; esac; exit 1')

    done = tag("tag", "--changed", "--push")

    assert (done.code, tags(author)) == (1, OLD)
    assert (
        "origin has another text/v1.0.1 since a moment ago, so what is not pushed is taken back" in done.err
    )
    assert done.err.endswith("git fetch --tags origin\n")


def test_versions_of_a_changed_prompt_that_this_clone_does_not_know(
    tag: Cli, author: PromptRepository, host: Host
) -> None:
    """Nothing is made by an old view; those of an unchanged prompt are nobody's matter."""
    host.git("tag", "same/v1.1.0", "main")
    host.git("tag", "text/v1.1.0", "main")
    done = tag("tag", "--changed", "--push")

    assert (done.code, tags(author)) == (1, OLD)
    assert "origin has 1.1.0 of text, which this clone does not know, so nothing is tagged" in done.err


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("prompts/text.prompt.yml", "messages: 3\n", "prompts/text.prompt.yml:1:11: error[not_a_list]"),
        ("prompts/text.prompt.yaml", prompt(), "error[two_files]: text has two files in HEAD; git rm one"),
        ("prompts/text.prompt.yml", None, "error[no_file]: this is a symbolic link"),
    ],
)
def test_one_that_is_not_fit_stops_all(
    tag: Cli, author: PromptRepository, path: str, content: str | None, words: str
) -> None:
    """Nothing is tagged; the remedy helps for the others."""
    if content is None:
        (author.path / path).unlink()
        (author.path / path).symlink_to("same.prompt.yml")
        author.git("commit", "--quiet", "--all", "-m", "Link")
    else:
        commit(author, path, content)
    done = tag("tag", "--changed")

    assert (done.code, tags(author)) == (1, OLD)
    assert words in done.out
    assert "nothing is tagged, as text is not fit; correct what is said above, git commit it" in done.err
    assert tag(*done.err.strip().rpartition("promptstage ")[2].split()).code == 0


@pytest.mark.parametrize("path", ["prompts/same.prompt.yml", "prompts/draft.prompt.yml"])
def test_what_is_not_committed_stops_all(tag: Cli, author: PromptRepository, path: str) -> None:
    """Somebody forgot to commit; other files of the worktree are another matter."""
    (author.path / "notes.txt").write_text("x")
    (author.path / path).write_text(prompt("New: {{text}}"))
    done = tag("tag", "--changed")
    author.git("add", "--all")
    author.git("commit", "--quiet", "-m", "All of it")

    assert (done.code, "error[uncommitted]: this differs from what HEAD holds" in done.out) == (1, True)
    assert tag("tag", "--changed").code == 0


def test_tags_that_git_refuses_are_taken_back(tag: Cli, author: PromptRepository) -> None:
    """A hook, or a key that signs, may refuse the second one."""
    hook = author.path / ".git/hooks/reference-transaction"
    hook.write_text(
        '#!/bin/sh\n[ "$1" = prepared ] || exit 0\ngrep -q " refs/tags/text/v1.0.1$" && exit 1\nexit 0\n'
    )
    hook.chmod(0o755)

    assert (tag("tag", "--changed").code, tags(author)) == (1, OLD)


def test_a_pre_release_and_a_revert_are_no_change(tag: Cli, author: PromptRepository) -> None:
    """Whose file is that of the newest tag, or of the newest release, has nothing to tag."""
    author.git("tag", "text/v2.0.0-rc.1")
    told = json.loads(tag("tag", "--changed", "--dry-run", "--json").out)
    author.git("checkout", "--quiet", "text/v1.0.0", "--", "prompts/text.prompt.yml")
    author.git("commit", "--quiet", "-m", "Revert")
    again = json.loads(tag("tag", "--changed", "--dry-run", "--json").out)

    assert [[version["prompt"] for version in one["versions"]] for one in (told, again)] == [
        ["summarize", "support/major"]
    ] * 2


@pytest.mark.parametrize(
    "options", [["text", "--changed"], ["--changed", "--major"], [], ["--changed", "--version", "2.0.0"]]
)
def test_usage(tag: Cli, options: list[str]) -> None:
    """Either a prompt, or all."""
    assert tag("tag", *options).code == 2


WITH_PARTIAL = "template: mustache\n" + prompt("{{> shared/style.md}} {{text}}")


def test_a_changed_partial_is_a_change(tag: Cli, author: PromptRepository) -> None:
    """Of each prompt that asks for it, and of no other; what is not committed of it stops all."""
    commit(author, "prompts/shared/style.md", "Be short.")
    commit(author, "prompts/partial.prompt.yml", WITH_PARTIAL)
    tag("tag", "--changed")
    unchanged = tag("tag", "--changed").out
    (author.path / "prompts/shared/style.md").write_text("Be brief.")
    stopped = tag("tag", "--changed")
    commit(author, "prompts/shared/style.md", "Be brief.")
    done = tag("tag", "--changed")

    assert unchanged.endswith("there is nothing to tag\n")
    assert (stopped.code, "its partial shared/style.md differs from what HEAD holds" in stopped.out) == (
        1,
        True,
    )
    assert done.out.startswith("partial 1.0.0 -> 1.0.1, a patch version\n  patch: it changes the text of its")
    assert "Tagged partial/v1.0.1\n" in done.out
    assert done.out.count("Tagged") == 1


def test_a_partial_that_is_missing_stops_all(tag: Cli, author: PromptRepository) -> None:
    """With the place that asks for it."""
    commit(author, "prompts/partial.prompt.yml", WITH_PARTIAL)
    done = tag("tag", "--changed")

    assert (done.code, tags(author)) == (1, OLD)
    assert "4:15: error[partial]: '{{> shared/style.md}}' is not in the commit; git add the file" in done.out


def test_a_repository_without_prompts(cli: Cli, author: PromptRepository) -> None:
    """A job that looks at the wrong one must not be green."""
    author.git("rm", "--quiet", "-r", "prompts")
    commit(author, "README.md", "# Nothing")

    assert (
        "HEAD holds no prompt file; a prompt is a file such as"
        in cli("tag", "--changed", cwd=author.path).err
    )


def test_processes_do_not_grow_with_prompts(
    tag: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand unchanged prompts take as many runs of git as three."""
    tag("tag", "--changed")
    calls: list[str] = []
    run = worktree._run

    def counted(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        calls.append(arguments[0])
        return run(folder, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(worktree, "_run", counted)
    for count in (3, 30):
        for number in range(count):
            author.tag(f"more/{count}-{number}", "1.0.0")
        calls.clear()
        tag("tag", "--changed")

        assert len(calls) < 15
