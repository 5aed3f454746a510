"""What the README says works: its code is run here as it stands there, against the sample of `make run`."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import openai_api
import pytest
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = Path(sys.executable).parent


def block(language: str) -> str:
    """The one block of code in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


class Sample:
    """What `make run` starts, in a folder of its own and on a free port."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.folder = folder
        self.log = folder / "log"
        self.environment = {
            **os.environ,
            "PATH": f"{COMMANDS}:{os.environ['PATH']}",
            "PROMPTSTAGE_PORT": self.url.rpartition(":")[2],
            "PROMPTSTAGE_URL": self.url,
            "PROMPTSTAGE_SNAPSHOT_DIR": str(folder / "snapshots"),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "prompts/run.py"],
                cwd=folder, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            until(self._staged, "the sample", self.log.read_text())
        except BaseException:
            self.stop()
            raise

    def _staged(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "In another terminal" in self.log.read_text()

    def run(self, *command: str) -> str:
        """Run a command as its user would, and return what it wrote."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stop(self) -> None:
        """End it, as Ctrl-C does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """One sample for all tests here, which run in the order in which they stand."""
    started = Sample(tmp_path_factory.mktemp("sample"))
    yield started
    started.stop()


def test_the_app(sample: Sample) -> None:
    """The ten lines write the log line that the README shows, or for one user in twenty the canary's."""
    sample.environment["PROMPTSTAGE_TOKEN"] = (sample.folder / ".run/data/admin.token").read_text().strip()
    code = block("python").replace("http://127.0.0.1:8000", sample.url)
    shown = re.search(r"# (INFO summarize@.*)", code)

    assert shown is not None
    canary = shown[1].replace("1.2.0", "1.3.0").replace("-mini", "")
    with openai_api.serve() as api:
        sample.environment |= {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": api.url}
        written = sample.run(sys.executable, "-c", code)
    assert written.splitlines()[-1] in {shown[1], canary}
    assert [message["role"] for message in api.asked[0]["messages"]] == ["system", "user"]


def test_the_release(sample: Sample) -> None:
    """Every command works, one after the other, and leaves 1.3.0 in force."""
    written = sample.run("sh", "-euxc", block("sh"))
    sample.environment["PROMPTSTAGE_TOKEN"] = (sample.folder / ".run/data/admin.token").read_text().strip()

    assert "all is well" in written
    assert '"version": "1.3.0"' in sample.run("promptstage", "status", "summarize", "--json")


def test_what_make_run_says_to_try(sample: Sample) -> None:
    """What it prints can be pasted as a whole; only the rollout of the sample is over by now."""
    text = sample.log.read_text()
    pasted = text[text.index("# What is in force") : text.index("# Widen it")]

    assert "Counter({'1.3.0': 1000})" in sample.run("sh", "-euxc", pasted)


def test_every_setting_is_documented() -> None:
    """The README's table has each variable of the service."""
    from registry.settings import Settings  # noqa: PLC0415 - for this test alone

    variables = [
        str(field.validation_alias or f"PROMPTSTAGE_{name.upper()}")
        for name, field in Settings.model_fields.items()
    ]

    assert [variable for variable in variables if variable not in README] == []


def test_the_makefile_has_what_the_readme_promises() -> None:
    """`make help` lists run and test, and CI runs what a user would."""
    listed = subprocess.check_output(["make", "help"], cwd=ROOT, text=True)

    assert {"run", "test", "check"} <= {line.split()[0] for line in listed.splitlines()}
    assert "make check test" in (ROOT / ".ci/run").read_text()
