"""``promptstage init``: from nothing to a repository that can be served."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import PathDistribution
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cli.shell import commit
from support import PromptRepository, Registry, programs, prompt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_new_repository_passes_its_own_check(cli: Cli, tmp_path: Path) -> None:
    """Everything is committed, and every file is fit to be served."""
    assert cli("init", "prompts").code == 0

    assert cli("check", cwd=tmp_path / "prompts").out == "2 prompt files, 0 errors, 0 warnings\n"
    assert git(tmp_path / "prompts", "status", "--porcelain") == ""


def test_both_samples_have_an_annotated_first_version(cli: Cli, tmp_path: Path) -> None:
    """So that a registry has something to serve at once."""
    cli("init", "prompts")
    found = git(
        tmp_path / "prompts", "for-each-ref", "--format=%(refname:strip=2) %(objecttype)", "refs/tags"
    )

    assert found == "summarize/v1.0.0 tag\nsupport/triage/v1.0.0 tag\n"


def workflows(folder: Path) -> tuple[Any, Any]:
    """The jobs of GitHub Actions and of GitLab CI."""
    github = yaml.safe_load((folder / ".github/workflows/prompts.yml").read_text())
    gitlab = yaml.safe_load((folder / ".gitlab-ci.yml").read_text())
    return github["jobs"]["check"], gitlab["check-prompts"]


def test_the_workflows_have_all_tags(cli: Cli, tmp_path: Path) -> None:
    """Without them `check` could not tell that a version was raised too little."""
    cli("init", "prompts")
    github, gitlab = workflows(tmp_path / "prompts")

    assert github["steps"][0] == {"uses": "actions/checkout@v4", "with": {"fetch-depth": 0}}
    assert gitlab["variables"] == {"GIT_DEPTH": 0}


def test_the_workflows_fail_on_a_broken_file(cli: Cli, tmp_path: Path) -> None:
    """Their very commands are run here, but for the installation."""
    cli("init", "prompts")
    github, gitlab = workflows(tmp_path / "prompts")
    jobs = [[step["run"] for step in github["steps"] if "run" in step], gitlab["script"]]

    def run(commands: list[str]) -> int:
        shell = "set -e\n" + "\n".join(line for line in commands if not line.startswith("pip install "))
        program = f"{programs()}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **cli.environment, "PATH": program}
        return subprocess.run(
            ["/bin/sh", "-c", shell], cwd=tmp_path / "prompts", env=environment, check=False
        ).returncode

    assert [run(job) for job in jobs] == [0, 0]
    (tmp_path / "prompts/prompts/summarize.prompt.yml").write_text("messages: 3\n")
    assert [run(job) for job in jobs] == [1, 1]
    report = json.loads((tmp_path / "prompts" / gitlab["artifacts"]["reports"]["codequality"]).read_text())
    assert [problem["check_name"] for problem in report] == ["not_a_list"]


@pytest.mark.parametrize(
    ("noted", "command"),
    [
        (None, "pip install promptstage-registry==0.1.0"),
        (
            {"url": "https://example.org/p.git", "vcs_info": {"vcs": "git", "requested_revision": "v1"}},
            "pip install 'git+https://example.org/p.git@v1#subdirectory=client' git+https://example.org/p.git@v1",
        ),
        (
            {"url": "ssh://git@a.org/p.git", "vcs_info": {"vcs": "git"}},
            "pip install 'git+ssh://git@a.org/p.git#subdirectory=client' git+ssh://git@a.org/p.git",
        ),
        (
            {"url": "file:///opt/some%20where", "dir_info": {}},
            "pip install '/opt/some where/client' '/opt/some where'",
        ),
        (
            {"url": "file:///opt/p.whl", "archive_info": {}},
            "pip install /opt/p.whl /opt/p.whl",
        ),
        (
            {"url": "https://ada:secret@example.org/p.whl", "archive_info": {}},
            "pip install https://example.org/p.whl https://example.org/p.whl",
        ),
    ],
)
def test_the_workflows_install_what_was_installed_here(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: object, command: str
) -> None:
    """By an address that pip noted; one that other machines cannot reach is told."""
    monkeypatch.setattr(PathDistribution, "read_text", lambda *_: noted and json.dumps(noted))
    monkeypatch.setattr(PathDistribution, "version", "0.1.0")

    done = cli("init", "prompts")
    github, gitlab = workflows(tmp_path / "prompts")

    assert (github["steps"][2]["run"], gitlab["script"][0]) == (command, command)
    assert ("works on this machine alone" in done.err) == ("/opt" in command)


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("git@example.org:acme/p.git", "git+ssh://git@example.org/acme/p.git"),
        ("https://ada:secret@example.org/p.git", "git+https://example.org/p.git"),
    ],
)
def test_a_checkout_is_installed_from_where_it_was_cloned(
    cli: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch, origin: str, address: str
) -> None:
    """No password goes into a workflow."""
    author.git("remote", "add", "origin", origin)
    noted = {"url": author.path.as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(PathDistribution, "read_text", lambda *_: json.dumps(noted))

    cli("init", cwd=author.path)

    assert workflows(author.path)[1]["script"][0].split()[-1] == address


def test_a_registry_serves_it_at_once(cli: Cli, tmp_path: Path) -> None:
    """As the next step says."""
    cli("init", "prompts")
    registry = Registry(tmp_path / "prompts", tmp_path / "data")
    try:
        assert registry.api.act("promote", "summarize", {"version": "1.0.0"}).status == 200
    finally:
        registry.stop()


def test_it_says_what_to_do_next(cli: Cli) -> None:
    """The next two commands can be copied."""
    out = cli("init", "prompts").out

    assert "  promptstage serve --repository prompts\n" in out
    assert "  promptstage promote summarize 1.0.0\n" in out
    assert "protect the tags  **/v*\n" in out


def test_the_current_folder_will_do_if_it_is_empty(cli: Cli, tmp_path: Path) -> None:
    """As with `git init`."""
    assert cli("init").code == 0
    assert (tmp_path / "prompts/summarize.prompt.yml").is_file()


def test_it_leaves_a_folder_alone_that_holds_something(cli: Cli, tmp_path: Path) -> None:
    """Nothing is written over, and nothing is added."""
    (tmp_path / "notes.txt").write_text("mine")

    done = cli("init")

    assert (done.code, done.out) == (1, "")
    assert "is not empty, and not the top of a git repository; name a new folder" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("theirs", "added"),
    [
        ("main.py", [".github/workflows/prompts.yml", ".gitlab-ci.yml"]),
        (".github/CODEOWNERS", [".github/workflows/prompts.yml"]),
    ],
)
def test_a_repository_gets_what_it_lacks(
    cli: Cli, author: PromptRepository, theirs: str, added: list[str]
) -> None:
    """The workflow of the host that it uses; what to commit is the author's to say."""
    commit(author, theirs, "mine")

    done = cli("init", cwd=author.path)

    assert author.git("status", "--porcelain", "-uall").split()[1::2] == added
    assert f"  git add {' '.join(added)}\n" in done.out


def test_a_workflow_that_is_there_stays(cli: Cli, author: PromptRepository) -> None:
    """It is told if it checks no prompts, for nothing else would."""
    commit(author, ".gitlab-ci.yml", "mine")

    done = cli("init", cwd=author.path)

    assert (done.code, author.git("status", "--porcelain")) == (0, "")
    assert ".gitlab-ci.yml is yours, and stays as it is; add to it:" in done.err
    commit(author, ".gitlab-ci.yml", "check: {script: [promptstage check]}")
    assert cli("init", cwd=author.path).err == ""


def test_prompts_under_other_names_are_told(cli: Cli, tmp_path: Path) -> None:
    """A repository that has some wants those served, not the samples."""
    app = PromptRepository(tmp_path / "app")
    commit(app, "examples/sample_prompt.yml", prompt())

    checked = cli("check", cwd=app.path)
    begun = cli("init", cwd=app.path)

    assert "examples/sample_prompt.yml looks like one: name it prompts/sample.prompt.yml" in checked.err
    assert "sample_prompt.yml looks like a prompt; name it prompts/sample.prompt.yml" in begun.err


def test_a_repository_without_prompts_gets_samples(cli: Cli, tmp_path: Path) -> None:
    """They can be tagged as soon as they are committed; a second time there is nothing to add."""
    app = PromptRepository(tmp_path / "app")
    commit(app, "main.py", "")
    cli("init", cwd=app.path)
    app.git("add", "--all")
    app.git("commit", "--quiet", "-m", "Begin with prompts")

    assert cli("tag", "summarize", cwd=app.path).code == 0
    assert "nothing to add" in cli("init", cwd=app.path).out


def test_a_repository_within_another_one_is_told(cli: Cli, author: PromptRepository) -> None:
    """Most who type that want their prompts in the repository that they are in."""
    done = cli("init", "more", cwd=author.path)

    assert done.code == 0
    assert "a repository of its own inside of" in done.err


def test_an_author_whom_git_does_not_know(cli: Cli, tmp_path: Path) -> None:
    """It is told how to introduce oneself before anything is made."""
    for person in ("AUTHOR", "COMMITTER"):
        cli.environment |= {f"GIT_{person}_NAME": "", f"GIT_{person}_EMAIL": ""}

    done = cli("init", "prompts", EMAIL="")

    assert done.code == 1
    assert "git config --global user.name" in done.err
    assert not (tmp_path / "prompts").exists()
