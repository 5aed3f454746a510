"""The workflows of `init` run suites: their very steps, in a clean environment, on a host that is made up."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from suites import chat_model
from support import GIT, PATIENCE, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.shell import Cli
    from suites.chat_model import ChatModel

pytestmark = pytest.mark.slow

CASE = '{"id": "parcel", "vars": {"text": "a parcel"}, "assert": [{"type": "contains", "value": "parcel"}]}\n'
EXPRESSION = re.compile(r"\$\{\{ *([\w.]+) *\}\}")
GH = """\
#!/bin/sh
echo "$@" >> "$GH_CALLS"
case "$*" in
  *"/events "*) cat "$GH_EVENTS" ;;
  *POST*|*PATCH*) cp eval.md "$GH_COMMENT" ;;
  *"/comments "*) [ ! -e "$GH_COMMENT" ] || echo 77 ;;
esac
"""


@pytest.fixture
def model() -> Iterator[ChatModel]:
    """A model that repeats what it is told, if it is to summarize at all."""
    with chat_model.serve(str) as served:
        yield served


@pytest.fixture
def clone(cli: Cli, tmp_path: Path) -> Path:
    """A clone of what `init` made, with a case, on a branch that spoils the prompt."""
    cli("init", "origin")
    run("git clone --quiet origin clone", tmp_path)
    clone = tmp_path / "clone"
    file = clone / "prompts/summarize.cases.jsonl"
    file.write_text(CASE)
    run("git add --all; git commit -qm 'A case'; git push -q origin HEAD:main; git checkout -qb worse", clone)
    prompt = clone / "prompts/summarize.prompt.yml"
    prompt.write_text(prompt.read_text().replace('"{{text}}"', '"Say nothing."'))
    run("git commit -qam 'Say nothing'", clone)
    return clone


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a CI system does: in a shell that ends at the first failure, with few variables."""
    program = f"{folder.parent}/bin{os.pathsep}{programs()}{os.pathsep}{os.defpath}"
    return subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=folder,
        env={**GIT, "PATH": program, "HOME": str(folder.parent), "CI": "true", **variables},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )


class Job:
    """The job `eval` of GitHub Actions, step by step.

    Attributes:
        done: how each step that was run ended, by its name or the beginning of its script.
        comment: the last comment on the pull request.
        calls: of the host's command.
    """

    def __init__(self, clone: Path, model: ChatModel, labelled_by: str = "") -> None:
        folder = clone.parent
        (folder / "bin").mkdir(exist_ok=True)
        gh = folder / "bin/gh"
        gh.write_text(GH)
        gh.chmod(0o755)
        (folder / "events").write_text(f"{labelled_by}\n")
        for name in ("env", "calls"):
            (folder / name).write_text("")
        self._clone = clone
        self._labels = ["eval-override"] if labelled_by else []
        self._variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(clone),
            "GITHUB_REPOSITORY": "acme/prompts",
            "GITHUB_ENV": str(folder / "env"),
            "GH_EVENTS": str(folder / "events"),
            "GH_CALLS": str(folder / "calls"),
            "GH_COMMENT": str(folder / "comment.md"),
        }
        self._context = {
            "secrets.OPENAI_API_KEY": "sk-test",
            "vars.OPENAI_BASE_URL": model.url,
            "github.token": "a-token",
            "github.event.pull_request.user.login": "ada",
            "github.base_ref": "main",
            "github.event.pull_request.number": "12",
        }
        self.done: dict[str, subprocess.CompletedProcess[str]] = {}
        workflow = yaml.safe_load((clone / ".github/workflows/prompts.yml").read_text())
        self._run(workflow["jobs"]["eval"])
        self.comment = (folder / "comment.md").read_text()
        self.calls = (folder / "calls").read_text()

    def _run(self, job: Any) -> None:
        variables = {name: self._filled(value) for name, value in job["env"].items()} | self._variables
        failed = False
        for step in job["steps"]:
            if (
                "run" not in step
                or step["run"].startswith("pip install")
                or not self._is_on(step, failed=failed)
            ):
                continue
            assert "${{" not in step["run"]
            given = (self._clone.parent / "env").read_text().split("\n")
            set_before = dict(line.split("=", 1) for line in given if line)
            done = run(step["run"], self._clone, **variables, **set_before)
            failed = failed or done.returncode != 0
            self.done[step["name"]] = done

    def _filled(self, value: str) -> str:
        return EXPRESSION.sub(lambda found: self._context[found[1]], value)

    def _is_on(self, step: Any, *, failed: bool) -> bool:
        """Decide on what a step asks for: a label, a key, or a file, whatever came before."""
        wanted = step.get("if", "")
        if "labels.*.name" in wanted:
            return bool(self._labels)
        return "always()" in wanted or not failed


def test_a_regression_fails_the_job_and_is_told_in_a_comment(clone: Path, model: ChatModel) -> None:
    """With its annotation at the line of the case, and JUnit's file; a second push changes the comment."""
    first, second = Job(clone, model), Job(clone, model)

    assert [job.done["Run the suites"].returncode for job in (first, second)] == [1, 1]
    assert "::error file=prompts/summarize.cases.jsonl,line=1," in first.done["Run the suites"].stdout
    assert first.comment.startswith("<!-- promptstage eval -->\n### Prompts: failed\n")
    assert "regressed: <code>parcel</code>" in first.comment
    assert "--method POST repos/acme/prompts/issues/12/comments" in first.calls
    assert "--method PATCH repos/acme/prompts/issues/comments/77" in second.calls
    (failure,) = ET.parse(clone / "eval.xml").iter("failure")
    assert failure.get("type") == "regressed"
    assert "0 requests" in second.done["Run the suites"].stdout


def test_a_label_of_somebody_else_lets_it_pass(clone: Path, model: ChatModel) -> None:
    """Who set it stands at the top of the comment."""
    job = Job(clone, model, labelled_by="grace")

    assert job.done["Run the suites"].returncode == 0
    assert "**Overridden:** label eval-override, set by grace" in job.comment


def test_a_label_of_the_author_does_not(clone: Path, model: ChatModel) -> None:
    """It would be a switch, not a second pair of eyes."""
    job = Job(clone, model, labelled_by="ada")

    assert job.done["Run the suites"].returncode == 1
    assert "somebody else than ada" in job.done["Find out who set the label eval-override"].stdout


def test_gitlab_runs_it_and_takes_an_override(clone: Path, model: ChatModel) -> None:
    """Of the project's settings, which maintainers alone may change."""
    job = yaml.safe_load((clone / ".gitlab-ci.yml").read_text())["eval-prompts"]
    script = "\n".join(line for line in job["script"] if not line.startswith("pip install"))
    variables = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": model.url,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }

    failed = run(script, clone, **variables)
    passed = run(script, clone, **variables, PROMPTSTAGE_EVAL_OVERRIDE="ticket 12")

    assert (failed.returncode, passed.returncode) == (1, 0), failed.stderr
    assert passed.stdout.startswith("OVERRIDDEN, so failures are let pass: ticket 12")
    assert (clone / job["artifacts"]["reports"]["junit"]).is_file()


def test_what_is_kept_is_not_committed(clone: Path, model: ChatModel) -> None:
    """Answers and reports are left out, unless an author wants them."""
    Job(clone, model)

    assert run("git status --porcelain", clone).stdout.split() == ["??", "eval.md", "??", "eval.xml"]
