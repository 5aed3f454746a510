"""Our client for Node with the packages that apps use beside it; `make platforms` installs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODULES = os.environ.get("PROMPTSTAGE_NODE", "")
PROGRAMS = Path(__file__).parent / "node"
CLIENT = Path(__file__).parents[2] / "client-node"
STRICT = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022")

pytestmark = pytest.mark.skipif(not MODULES, reason="`make platforms` installs the packages")


def run(program: str, *command: str) -> str:
    """Run a program where the packages are, with our client as one of them."""
    ours = Path(MODULES) / "@promptstage"
    ours.mkdir(exist_ok=True)
    (ours / "client").unlink(missing_ok=True)
    (ours / "client").symlink_to(CLIENT)
    copy = shutil.copy(PROGRAMS / program, Path(MODULES).parent)
    done = subprocess.run(
        [*command[:1], copy, *command[1:]],
        cwd=Path(MODULES).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pino_and_winston_name_the_prompt(tmp_path: Path) -> None:
    """On the lines of the work that uses it, and on no others."""
    lines = [json.loads(line) for line in run("logs.mjs", "node", str(tmp_path)).splitlines()]

    assert len(lines) == 4
    for line in lines:
        said = line.get("msg", line.get("message"))
        stamp = {key: value for key, value in line.items() if key.startswith("prompt")}
        expected = {
            "prompt": "summarize@fallback",
            "prompt_name": "summarize",
            "prompt_version": "fallback",
            "prompt_arm": "fallback",
        }
        assert stamp == (expected if said == "with" else {})


def test_its_types_are_those_that_apps_write() -> None:
    """And a wrong option is an error of the compiler."""
    run("types.ts", str(Path(MODULES) / ".bin/tsc"), *STRICT)
