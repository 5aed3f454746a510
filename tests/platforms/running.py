"""Run the lines of `docs/platforms.md` in the environment of a platform."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

PYTHON = os.environ.get("PROMPTSTAGE_PLATFORMS", "")
APP = Path(__file__).parent / "page_app.py"
INHERITED = {name: os.environ[name] for name in ("PATH", "HOME")}
SECONDS = 600  # of an app or the start of a server: beside other work an import alone may take a minute


def run_page(heading: str, model: str, percent: int = 100, *, python: str = PYTHON, **variables: str) -> str:
    """Run what is under a heading beside a model, with the candidate's share of users; return its output."""
    return run(APP, heading, str(percent), python=python, **page_environment(model) | variables)


def run(app: Path, *arguments: str, python: str = PYTHON, **variables: str) -> str:
    """Run an app with these variables, and of our own with `PATH` and `HOME` alone; return its output."""
    done = subprocess.run(
        [python, app, *arguments],
        env=INHERITED | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def page_environment(model: str) -> dict[str, str]:
    """The variables of such an app."""
    return INHERITED | {"OPENAI_BASE_URL": f"{model}/v1", "OPENAI_API_KEY": "sk-test"}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
