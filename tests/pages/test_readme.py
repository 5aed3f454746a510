"""What the README says works: its code is run here as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import closing
from typing import TYPE_CHECKING

import openai_api
from pages.markdown import ROOT, blocks, read
from pages.running import environment, free_port, shell
from support import Api, until

from registry.catalog.parsing import lint

if TYPE_CHECKING:
    from pathlib import Path

    from pages.running import Sample

PAGE = "README.md"
TRY, INSTALL, WRITE, RELEASE, SERVE = (block.text for block in blocks(PAGE, "sh"))


def test_the_app(sample: Sample) -> None:
    """The ten lines write the log line that the README shows, or for one user in twenty the canary's.

    The call of the lines after them is one that the registry has, with what its user thought.
    """
    sample.environment["PROMPTSTAGE_TOKEN"] = sample.token
    code = "".join(block.text for block in blocks(PAGE, "python")).replace(
        "http://127.0.0.1:8000", sample.url
    )
    shown = re.search(r"# (INFO summarize@.*)", code)

    assert shown is not None
    canary = shown[1].replace("1.2.0", "1.3.0").replace("-mini", "")
    with openai_api.serve() as api:
        sample.environment |= {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": api.url}
        written = sample.run(sys.executable, "-c", f"{code}\nprint(call.id)")
    assert {shown[1], canary} & set(written.splitlines())
    assert [message["role"] for message in api.asked[0]["messages"]] == ["system", "user"]
    call, *_ = written.splitlines()  # what it prints comes before what it logs
    until(lambda: _thought_of(sample, call) == ["up"], "the call of the lines")


def _thought_of(sample: Sample, call: str) -> list[str]:
    """The feedback on a call."""
    path = f"/v1/environments/production/calls/{call}"
    with closing(Api(sample.url, sample.token)) as api:
        return [given["kind"] for given in api.get(path).json.get("feedback", ())]


def test_the_release(sample: Sample) -> None:
    """Every command works, one after the other, and leaves 1.3.0 in force."""
    written = shell(RELEASE, sample.folder, sample.environment)
    sample.environment["PROMPTSTAGE_TOKEN"] = sample.token

    assert "all is well" in written
    assert '"version": "1.3.0"' in sample.run("promptstage", "status", "summarize", "--json")


def test_what_make_run_says_to_try(sample: Sample) -> None:
    """What it prints can be pasted as a whole; only the rollout of the sample is over by now."""
    text = sample.log.read_text()
    pasted = text[text.index("# What is in force") : text.index("# Widen it")]

    assert "Counter({'1.3.0': 1000})" in sample.run("sh", "-euxc", pasted)


def test_an_author_and_a_registry(tmp_path: Path) -> None:
    """The author's lines make the next version, and the registry of the last block serves it."""
    variables = environment(tmp_path, EDITOR="sed -i s/Write/Say/")
    assert "summarize/v1.0.1" in shell(WRITE, tmp_path, variables)

    variables |= {"PROMPTSTAGE_PORT": str(free_port())}
    with subprocess.Popen(["sh", "-c", f"exec {SERVE}"], cwd=tmp_path, env=variables) as served:
        try:
            until((tmp_path / "data/admin.token").exists, "the admin's token")
            variables["PROMPTSTAGE_TOKEN"] = (tmp_path / "data/admin.token").read_text().strip()
            variables["PROMPTSTAGE_URL"] = f"http://127.0.0.1:{variables['PROMPTSTAGE_PORT']}"
            listed = ["promptstage", "versions", "summarize"]
            until(
                lambda: (
                    b"1.0.1" in subprocess.run(listed, env=variables, capture_output=True, check=False).stdout
                ),
                "the version",
            )
        finally:
            served.terminate()


def test_the_prompt_file_is_clean() -> None:
    """The check has nothing to say about it."""
    (block,) = blocks(PAGE, "yaml")

    assert not lint.check(block.text.encode(), "prompts/summarize.prompt.yml")


def test_what_is_tried_can_be_made() -> None:
    """Each line is a target, and two of them start what other tests run; CI runs what a user would."""
    plans = {
        line: subprocess.check_output(["make", "--dry-run", *line.split()[1:]], cwd=ROOT, text=True)
        for line in (line.partition("#")[0].strip() for line in TRY.splitlines())
    }

    assert "-m demo" in plans["make demo"]
    assert "prompts/run.py" in plans["make run"]
    assert '-m pytest -n 4 --dist loadfile -m "not slow"' in plans["make test"]
    assert "-m pytest -n 4 --dist loadfile -m slow" in plans["make slow"]
    assert "make check test slow" in (ROOT / ".ci/run").read_text()


def test_what_is_installed_are_the_two_distributions() -> None:
    """The one of the client, and the one of the registry with the command."""
    *command, first, second = shlex.split(INSTALL, comments=True)
    projects = [
        tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"] for path in (first, second)
    ]

    assert command == ["pip", "install"]
    assert [project["name"] for project in projects] == ["promptstage", "promptstage-registry"]
    assert "promptstage" in projects[1]["scripts"]


def test_every_setting_is_documented() -> None:
    """The operators' table has each variable of the service."""
    from registry.settings import Settings  # noqa: PLC0415 - for this test alone

    page = read("docs/operating.md")
    variables = [
        str(field.validation_alias or f"PROMPTSTAGE_{name.upper()}")
        for name, field in Settings.model_fields.items()
    ]

    assert [variable for variable in variables if f"`{variable}`" not in page] == []
