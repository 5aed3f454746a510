"""Run what a page shows: shell commands beside the sample registry, as a reader would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pages.markdown import ROOT
from support import GIT, PATIENCE, programs, until

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = Path(sys.executable).parent
SECONDS = 120  # for all commands of a page


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a reader: the commands are on the path, and nothing is configured elsewhere."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTSTAGE_")}
    path = f"{programs()}:{os.environ['PATH']}"
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    return {**inherited, **GIT, "PATH": path, **home, **variables}


def shell(text: str, folder: Path, variables: Mapping[str, str], stdin: str = "") -> str:
    """Run a script that stops at its first failure, and return what it wrote, with each command."""
    done = subprocess.run(
        ["sh", "-euxc", text],
        input=stdin,
        cwd=folder,
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Sample:
    """What `make run` starts, in a folder of its own and on a free port."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.log = folder / "log"
        self.environment = environment(
            folder,
            PROMPTSTAGE_PORT=str(port),
            PROMPTSTAGE_URL=self.url,
            PROMPTSTAGE_SNAPSHOT_DIR=str(folder / "snapshots"),
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "prompts/run.py"],
                cwd=folder, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            until(self._staged, "the sample", patience=2 * PATIENCE)  # it builds a repository first
        except BaseException:
            self.stop()
            raise

    def _staged(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "In another terminal" in self.log.read_text()

    @property
    def token(self) -> str:
        """The secret of its admin."""
        return (self.folder / ".run/data/admin.token").read_text().strip()

    def run(self, *command: str) -> str:
        """Run a command as its user would, and return what it wrote."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stop(self) -> None:
        """End it, as Ctrl-C does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
