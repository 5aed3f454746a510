"""``promptstage tag --push``: ask the remote first, and push where git itself would."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import GIT, PromptRepository, prompt

from registry.cli.author import remotes, worktree

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli

FILE = "prompts/summarize.prompt.yml"


class Host:
    """A host with one repository, which an author's clone pushes to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        command = ["git", "-C", str(self.path), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **GIT})
        return done.stdout.strip()

    def tags(self) -> list[str]:
        """The tags that it has."""
        return self.git("tag", "--list").split()

    def hook(self, name: str, script: str) -> Path:
        """Let it run a script at a push."""
        file = self.path / "hooks" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that the author has no remote for yet."""
    return Host(tmp_path / "host.git")


@pytest.fixture
def tag(cli: Cli, author: PromptRepository, host: Host) -> Cli:
    """The command line in the author's repository, whose branch the remote ``origin`` has."""
    author.git("remote", "add", "origin", str(host.path))
    author.git("push", "--quiet", "origin", "main")
    cli.folder = author.path
    return cli


def tags(author: PromptRepository) -> list[str]:
    """The tags that the author has."""
    return author.git("tag", "--list").split()


def elsewhere(host: Host, folder: Path, version: str, content: str) -> None:
    """Another author commits, tags and pushes a version."""
    other = PromptRepository(folder)
    other.git("remote", "add", "origin", str(host.path))
    other.git("pull", "--quiet", "origin", "main")
    other.tag("summarize", version, content)
    other.git("push", "--quiet", "origin", "HEAD:main", f"summarize/v{version}")


@pytest.mark.parametrize(
    "setting", ["push.followTags=false", "push.followTags=true", "remote.origin.mirror=true"]
)
def test_this_tag_only(tag: Cli, author: PromptRepository, host: Host, setting: str) -> None:
    """The branch, and other tags, are the author's business, whatever git is set to."""
    author.git("config", *setting.split("="))
    author.git("tag", "-a", "private", "-m", "Mine")

    assert "\nPushed it to origin\n" in tag("tag", "summarize", "--push").out
    assert host.tags() == ["summarize/v1.0.0"]


@pytest.mark.parametrize(
    "settings",
    [
        ["branch.main.pushRemote=fork", "remote.pushDefault=origin"],
        ["remote.pushDefault=fork", "branch.main.remote=origin"],
        ["branch.main.remote=fork"],
        ["branch.main.remote=.", "remote.pushDefault=fork"],
    ],
)
def test_where_git_itself_would_push(
    tag: Cli, author: PromptRepository, tmp_path: Path, settings: list[str]
) -> None:
    """Its settings are asked in its own order."""
    fork = Host(tmp_path / "fork.git")
    author.git("remote", "add", "fork", str(fork.path))
    for setting in settings:
        author.git("config", *setting.split("="))

    assert "git push fork refs/tags/summarize/v1.0.0" in tag("tag", "summarize").out
    assert "Pushed summarize/v1.0.0 to fork\n" in tag("tag", "summarize", "--push").out
    assert fork.tags() == ["summarize/v1.0.0"]


@pytest.mark.parametrize("detached", [False, True])
def test_the_only_remote_has_any_name(
    tag: Cli, author: PromptRepository, host: Host, *, detached: bool
) -> None:
    """Also of a branch that comes from nowhere, or of none."""
    author.git("remote", "rename", "origin", "github")
    author.git(*("checkout", "--quiet", "--detach") if detached else ("checkout", "--quiet", "-b", "topic"))
    author.git("config", "branch.topic.remote", ".")

    assert "Pushed it to github\n" in tag("tag", "summarize", "--push").out
    assert host.tags() == ["summarize/v1.0.0"]


def test_a_remote_that_is_pushed_to_elsewhere(
    tag: Cli, author: PromptRepository, host: Host, tmp_path: Path
) -> None:
    """Its push URL is what is asked, and what the remedy fetches from."""
    pushed = Host(tmp_path / "pushed.git")
    author.git("remote", "set-url", "--push", "origin", str(pushed.path))
    author.git("push", "--quiet", "origin", "main")
    elsewhere(pushed, tmp_path / "other", "1.0.0", prompt("{{text}}!"))

    refused = tag("tag", "summarize", "--push")
    author.git(*shlex.split(refused.err.splitlines()[-1])[1:])
    author.git("pull", "--quiet", str(pushed.path), "main")
    commit(author, FILE, prompt("{{text}}!!"))

    assert (refused.code, str(pushed.path) in refused.err) == (1, True)
    assert "Pushed it to origin" in tag("tag", "summarize", "--push").out
    assert (host.tags(), pushed.tags()) == ([], ["summarize/v1.0.0", "summarize/v1.0.1"])


def test_several_remotes_and_none_chosen(tag: Cli, author: PromptRepository) -> None:
    """Nothing is made; the remedy is a command that works."""
    author.git("remote", "rename", "origin", "one")
    author.git("remote", "add", "two", "/nowhere")

    done = tag("tag", "summarize", "--push")
    author.git(*done.err.split("choose one:  git ")[1].split())

    assert (done.code, tags(author)) == (1, [])
    assert "Pushed it to one\n" in tag("tag", "summarize", "--push").out


def test_no_remote(cli: Cli, author: PromptRepository) -> None:
    """Nothing is tagged: the author wanted both."""
    done = cli("tag", "summarize", "--push", cwd=author.path)

    assert (done.code, tags(author)) == (1, [])
    assert "there is no remote to push to; add one first: git remote add origin URL" in done.err


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--version", "1.0.1"], ["--json"]])
def test_versions_that_this_clone_does_not_know(
    tag: Cli, author: PromptRepository, host: Host, tmp_path: Path, options: list[str]
) -> None:
    """The next version would be chosen by a view that is old: nothing is made, and the remedy helps."""
    tag("tag", "summarize", "--push")
    elsewhere(host, tmp_path / "other", "2.0.0", prompt("{{other}}"))
    author.git("pull", "--quiet", "--no-tags", "origin", "main")
    commit(author, FILE, prompt("{{other}}!"))

    done = tag("tag", "summarize", "--push", *options)
    before = tags(author)
    author.git(*done.err.splitlines()[-1].split()[1:])
    again = tag("tag", "summarize", "--push")

    assert (done.code, before) == (1, ["summarize/v1.0.0"])
    assert "origin has 2.0.0 of summarize, which this clone does not know" in done.err
    assert done.err.endswith("\n  git fetch --tags origin\n")
    assert again.out.startswith("summarize 2.0.0 -> 2.0.1, a patch version\n")


def test_another_tag_of_the_same_name(tag: Cli, author: PromptRepository, host: Host) -> None:
    """Git would not fetch over ours, so the remedy takes it away first."""
    host.git("tag", "summarize/v1.0.0", "main")
    author.git("tag", "-a", "summarize/v1.0.0", "-m", "Ours")
    commit(author, FILE, prompt("{{text}}!"))

    done = tag("tag", "summarize", "--push")
    for line in done.err.splitlines()[-2:]:
        author.git(*line.split()[1:])

    assert (done.code, "origin has another summarize/v1.0.0 than this clone" in done.err) == (1, True)
    assert tag("tag", "summarize", "--push").code == 0
    assert host.tags() == ["summarize/v1.0.0", "summarize/v1.0.1"]


def test_other_prompts_are_other_prompts(tag: Cli, author: PromptRepository, host: Host) -> None:
    """Neither a name that begins alike nor a tag of something else stands in the way."""
    for other in ("summarize/voice/v1.0.0", "summarize-long/v2.0.0", "summarize/v", "v9.0.0"):
        host.git("tag", other, "main")

    assert tag("tag", "summarize", "--push").code == 0


def refused(tag: Cli, host: Host, *options: str) -> None:
    """Make a version whose push the host refuses once."""
    hook = host.hook("pre-receive", "echo protected >&2; exit 1")
    done = tag("tag", "summarize", "--push", *options)
    hook.unlink()
    assert done.code == 1
    assert "protected" in done.err
    assert "The tag is here, but not pushed; try again:  git push origin refs/tags/summarize/v" in done.err


@pytest.mark.parametrize("options", [[], ["--patch"], ["--version", "1.0.1"], ["--version", "2.0.0-rc.1"]])
def test_the_same_command_after_a_refusal(
    tag: Cli, author: PromptRepository, host: Host, options: list[str]
) -> None:
    """It pushes the tag that is here and not there, and makes no other."""
    author.tag("summarize", "1.0.0", prompt("{{text}}"))
    author.git("push", "--quiet", "origin", "main", "summarize/v1.0.0")
    commit(author, FILE, prompt("{{text}}!"))
    refused(tag, host, *options)
    left = tags(author)

    shown = tag("tag", "summarize", "--push", "--dry-run", *options)
    done = tag("tag", "summarize", "--push", *options)

    assert f"without --dry-run {left[1]}, which is tagged already, would be pushed" in shown.out
    assert (done.code, f"Pushed {left[1]} to origin" in done.out) == (0, True)
    assert host.tags() == tags(author) == left


def test_another_part_after_a_refusal_is_another_version(
    tag: Cli, author: PromptRepository, host: Host
) -> None:
    """The tag that was left behind is not what is asked for."""
    author.tag("summarize", "1.0.0", prompt("{{text}}"))
    author.git("push", "--quiet", "origin", "summarize/v1.0.0")
    commit(author, FILE, prompt("{{text}}!"))
    refused(tag, host)

    assert "Tagged summarize/v2.0.0\n" in tag("tag", "summarize", "--push", "--major").out


def test_a_change_after_a_refusal_is_another_version(tag: Cli, author: PromptRepository, host: Host) -> None:
    """A version never changes, pushed or not."""
    refused(tag, host)
    commit(author, FILE, prompt("{{text}}!"))

    assert "Tagged summarize/v1.0.1\n" in tag("tag", "summarize", "--push").out


@pytest.mark.parametrize("count", [1, 5])
def test_versions_that_are_here_alone_are_told(
    tag: Cli, author: PromptRepository, host: Host, count: int
) -> None:
    """They were tagged without a push; the command that is told pushes them, and nothing else."""
    author.git("tag", "private")
    for number in range(count):
        author.tag("summarize", f"1.0.{number}", prompt(f"{{{{text}}}} {number}"))
    commit(author, FILE, prompt("{{text}}!"))

    done = tag("tag", "summarize", "--push")
    author.git(*shlex.split(done.err.split("should be there:  git ")[1].splitlines()[0]))

    assert f"origin has not 1.0.{count - 1}" in done.err
    assert host.tags() == [f"summarize/v1.0.{number}" for number in range(count + 1)]


def test_without_a_push_the_way_to_push_is_told(tag: Cli, host: Host) -> None:
    """Where there is nothing to tag."""
    refused(tag, host)

    assert "if its push was refused: promptstage tag summarize --push" in tag("tag", "summarize").err
    assert tag("tag", "summarize", "--push").code == 0
    assert tag("tag", "summarize", "--push").err.endswith("promptstage tag summarize --patch\n")


def test_two_authors_at_once(tag: Cli, author: PromptRepository, host: Host) -> None:
    """The other one was faster: ours is taken back, as it can never be pushed."""
    race = f'case "$1" in refs/tags/*) git -C {host.path} tag summarize/v1.0.0 main;; esac; exit 1'
    host.hook("update", race)

    done = tag("tag", "summarize", "--push")

    assert (done.code, tags(author)) == (1, [])
    assert "origin has another summarize/v1.0.0 since a moment ago" in done.err
    assert done.err.endswith("git fetch --tags origin\n")


def test_a_push_that_arrived_although_it_failed(tag: Cli, author: PromptRepository, host: Host) -> None:
    """The line was cut after the host had taken it: the host is asked, and all is well."""
    post = author.path / ".git/hooks/pre-push"
    post.write_text(f"#!/bin/sh\ngit push --quiet --no-verify {host.path} summarize/v1.0.0; exit 1\n")
    post.chmod(0o755)

    done = tag("tag", "summarize", "--push")

    assert (done.code, "Pushed it to origin" in done.out, host.tags()) == (0, True, ["summarize/v1.0.0"])


def test_a_remote_that_is_not_there(tag: Cli, author: PromptRepository) -> None:
    """Git's own reason is told, before anything is made."""
    author.git("remote", "set-url", "origin", "/nowhere")

    done = tag("tag", "summarize", "--push")

    assert (done.code, tags(author)) == (1, [])
    assert "'/nowhere' does not appear to be a git repository" in done.err
    assert done.err.endswith("Nothing is tagged. Without --push the tag is made here alone\n")


def test_a_remote_that_does_not_answer(
    tag: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its time; nothing is made then, and no password of the address is shown."""
    monkeypatch.setattr(remotes, "ASK_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://ada:hidden@127.0.0.1:{silent.getsockname()[1]}/prompts.git"
        author.git("remote", "set-url", "origin", address)
        done = tag("tag", "summarize", "--push")

    assert (done.code, tags(author), "hidden" in done.err) == (1, [], False)
    assert "git ls-remote had no answer for 0.3 s; check the network, and git remote -v" in done.err


def test_a_commit_that_is_on_no_branch_there(tag: Cli, author: PromptRepository) -> None:
    """The tag takes it along, but the next author pulls the branch."""
    commit(author, FILE, prompt("{{text}}!"))

    done = tag("tag", "summarize", "--push")
    author.git(*done.err.split("push it, too:  git ")[1].split())
    again = tag("tag", "summarize", "--push", "--minor")

    assert (done.code, again.err) == (0, "Note: it is the same file as in 1.0.0\n")


@pytest.mark.parametrize("depth", [["--depth", "1"], ["--no-tags"]])
def test_a_clone_that_has_not_all(
    tag: Cli, author: PromptRepository, host: Host, tmp_path: Path, depth: list[str]
) -> None:
    """As a CI system makes it; with the tags it works, from a worktree too."""
    tag("tag", "summarize", "--push")
    commit(author, FILE, prompt("{{text}}!"))
    author.git("push", "--quiet", "origin", "main")
    host.git("symbolic-ref", "HEAD", "refs/heads/main")
    subprocess.run(["git", "clone", "--quiet", *depth, f"file://{host.path}", tmp_path / "ci"], check=True)
    subprocess.run(["git", "worktree", "add", "--quiet", "../more"], cwd=tmp_path / "ci", check=True)

    done = tag("tag", "summarize", "--push", cwd=tmp_path / "more")
    subprocess.run(done.err.splitlines()[-1].split(), cwd=tmp_path / "more", check=True, capture_output=True)
    again = tag("tag", "summarize", "--push", cwd=tmp_path / "more")

    assert (done.code, again.code, host.tags()) == (1, 0, ["summarize/v1.0.0", "summarize/v1.0.1"])


def test_the_outcome_for_programs(tag: Cli) -> None:
    """One object, whatever is done."""
    shown = json.loads(tag("tag", "summarize", "--push", "--dry-run", "--json").out)
    done = json.loads(tag("tag", "summarize", "--push", "--json").out)

    assert (shown["tag"], shown["tagged"], shown["pushed_to"]) == ("summarize/v1.0.0", False, None)
    assert done == shown | {"tagged": True, "pushed_to": "origin"}


def test_what_is_wrong_for_programs(tag: Cli, author: PromptRepository) -> None:
    """One object, too, with each problem and its place."""
    commit(author, FILE, "messages: 3\n")

    done = tag("tag", "summarize", "--json")

    (problem,) = json.loads(done.out)["problems"]
    assert (done.code, problem["line"], problem["code"]) == (1, 1, "not_a_list")


def test_a_password_in_an_address_is_not_shown() -> None:
    """The user that git itself is, on ssh, is none."""
    assert worktree.without_secrets("https://ada:x@example.org/p.git") == "https://***@example.org/p.git"
    assert worktree.without_secrets("ssh://git@example.org/p.git") == "ssh://git@example.org/p.git"
