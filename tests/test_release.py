"""A release: tag, versions and changelog agree, and its workflows do no more than they need."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy import release

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION, ADDRESS = PROJECT["version"], PROJECT["urls"]["Source"]
CHANGELOG = f"""\
# Changelog

## Unreleased

## {VERSION}0

Not this one.

## {VERSION} - 2026-12-01

### Added

- A thing.

## 0.0.9
"""
FILES = ("pyproject.toml", "client/pyproject.toml", "deploy/kubernetes.yml", "CHANGELOG.md")

needs_schemas = pytest.mark.skipif(
    not shutil.which("check-jsonschema"), reason="check-jsonschema is not installed"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a release is made from: the files of this checkout, and a changelog that is ready for it."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    """Write a slip of the pen into a file."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_nothing_is_in_the_way_of_a_release_that_is_ready(checkout: Path) -> None:
    """All versions, the changelog and the addresses agree with the tag."""
    assert list(release.problems(checkout, f"v{VERSION}", ADDRESS)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("pyproject.toml", f'version = "{VERSION}"', 'version = "99"', "pyproject.toml has version 99"),
        ("client/pyproject.toml", f'version = "{VERSION}"', 'version = "99"', "client/pyproject.toml has"),
        ("pyproject.toml", f"promptstage=={VERSION}", "promptstage", f"must require promptstage=={VERSION}"),
        ("deploy/kubernetes.yml", f"promptstage:{VERSION}", "promptstage:latest", "must name the image"),
        ("CHANGELOG.md", f"## {VERSION} ", "## 98.0.0 ", f"has nothing under ## {VERSION}"),
        ("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- A late one.\n", "has entries under"),
        ("client/pyproject.toml", f'Issues = "{ADDRESS}', 'Issues = "https://example.com', "https://example.com"),
        ("pyproject.toml", f"]({ADDRESS}/blob", "](https://example.com/blob", "https://example.com/blob"),
    ],
)  # fmt: skip
def test_a_release_is_refused(checkout: Path, name: str, old: str, new: str, problem: str) -> None:
    """With one sentence for each thing that does not agree."""
    replace(checkout / name, old, new)

    (told,) = release.problems(checkout, f"v{VERSION}", ADDRESS)
    assert problem in told


def test_another_tag_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 1, and says all that is in the way."""
    assert release.main(["check", "v99.0.0"], checkout) == 1
    assert len(capsys.readouterr().err.splitlines()) == 5
    assert release.main(["check", VERSION], checkout) == 1
    assert capsys.readouterr().err == f"the tag {VERSION} must begin with v\n"
    assert release.main(["check", f"v{VERSION}"], checkout) == 0


def test_the_notes_are_the_section_of_the_changelog(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its heading, to the next version; a version that is not there has none."""
    assert release.main(["notes", f"v{VERSION}"], checkout) == 0
    assert capsys.readouterr().out == "### Added\n\n- A thing.\n"
    assert release.main(["notes", "v0.0.9"], checkout) == 1
    assert release.main(["notes", "v0"], checkout) == 1


def test_this_changelog_has_the_form() -> None:
    """There is a section for what is not released, and one that can be taken out for each version."""
    text = (ROOT / "CHANGELOG.md").read_text()
    titles = [line.removeprefix("## ").split()[0] for line in text.splitlines() if line.startswith("## ")]

    assert titles[0] == release.IN_PROGRESS
    assert all(release.section(text, title) for title in titles[1:])


def jobs(workflow: Path) -> dict[str, Any]:
    """The jobs of a workflow."""
    found: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def steps() -> Iterator[dict[str, Any]]:
    """Every step of every workflow."""
    for workflow in WORKFLOWS:
        for job in jobs(workflow).values():
            yield from job.get("steps", ())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned(workflow: Path) -> None:
    """By commit, as a tag can be moved; the version stands behind it for those who read."""
    used = re.findall(r"uses: (.*)", workflow.read_text())

    assert used
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_each_job_may_do_what_it_is_for_and_no_more() -> None:
    """By default nothing; one job each may write images, be trusted by the index, and make releases."""
    rights = {}
    for workflow in WORKFLOWS:
        assert yaml.safe_load(workflow.read_text())["permissions"] == {}
        for name, job in jobs(workflow).items():
            assert "timeout-minutes" in job or "uses" in job
            given = job["permissions"].items()
            rights[workflow.stem, name] = {right for right, level in given if level == "write"}

    assert {job: right for job, right in rights.items() if right} == {
        ("release", "image"): {"packages"},
        ("release", "publish"): {"id-token"},
        ("release", "release"): {"contents"},
    }


def test_no_secret_is_stored_and_no_text_becomes_a_program() -> None:
    """Tokens are those of the job; what comes from outside reaches scripts in variables alone."""
    assert [workflow.name for workflow in WORKFLOWS if "secrets" in workflow.read_text()] == []
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_release_waits_for_tests_image_and_a_person() -> None:
    """Nothing is uploaded before the image was tried and a person has approved."""
    release_jobs = jobs(ROOT / ".github/workflows/release.yml")
    needs = {name: job.get("needs", []) for name, job in release_jobs.items()}
    guarded = {name for name, job in release_jobs.items() if job.get("environment") == "release"}

    assert needs == {
        "test": [],
        "build": [],
        "image": ["test", "build"],
        "publish": "image",
        "release": "publish",
    }
    assert guarded == {"image", "publish"}


def test_workflows_run_what_a_developer_runs() -> None:
    """Every target of make, and every file, that they name exists."""
    scripts = "\n".join(step.get("run", "") for step in steps())
    targets = {name for line in re.findall(r"^make (.+)$", scripts, re.MULTILINE) for name in line.split()}
    makefile = (ROOT / "Makefile").read_text()

    assert targets == {"check", "test", "slow", "dist"}
    assert all(re.search(rf"^{target}: ", makefile, re.MULTILINE) for target in targets)
    named = re.findall(r"\bdeploy/[\w.-]+", scripts)
    assert named
    assert all((ROOT / name).is_file() for name in named)


def test_ci_skips_no_test_for_want_of_a_tool() -> None:
    """It installs what CONTRIBUTING.md says some tests want."""
    told = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    wanted = re.search(r"\(Debian: ([^)]+)\), (.+?) \(by `pipx`\)", told)
    install = (ROOT / ".github/workflows/test.yml").read_text()

    assert wanted
    assert set(re.findall(r"[\w-]+", wanted[1])) <= set(install.split())
    assert all(f"pipx install {tool}==" in install for tool in re.findall(r"`([^`]+)`", wanted[2]))


@needs_schemas
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("compose-spec", "deploy/compose.yml"),
    ],
)
def test_files_for_others_have_their_form(schema: str, files: str) -> None:
    """The schemas are those that their readers publish."""
    named = [str(file) for file in ROOT.glob(files)]
    command = ["check-jsonschema", "--builtin-schema", f"vendor.{schema}", *named]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert named
    assert done.returncode == 0, done.stdout + done.stderr
