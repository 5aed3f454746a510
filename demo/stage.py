"""What the demo is played on: a registry and two apps, real processes, in a folder that is thrown away."""

from __future__ import annotations

import json
import os
import queue
import re
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

APPS = ("web-1", "web-2")
JOB = "archive"  # which makes most of the calls, and whose lines nobody could read
START_SECONDS = 30.0  # a registry is ready within a second or two, beside other work within some more
END_SECONDS = 5.0
PATIENCE_SECONDS = 40.0  # until something comes about by itself
HERE = Path(__file__).parent
COMMANDS = Path(sys.executable).parent
OK = 200


class DemoError(Exception):
    """Something did not go as the story has it; the message is what was said."""


class Stage:
    """Runs the story's commands, and listens to what the apps say."""

    def __init__(self, folder: Path, terminal: dict[str, str]) -> None:
        """Start nothing yet; `terminal` is what commands must know of it to write in colour."""
        self.folder = folder
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # what the apps log
        self.rollbacks: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()  # which app, and when
        self._port = _free_port()
        self._environment = _environment(folder, self.url)
        self._terminal = terminal
        self._running: list[subprocess.Popen[str]] = []
        self._registry: subprocess.Popen[str] | None = None
        self._model = f"http://127.0.0.1:{_free_port()}"
        self._environment |= {"OPENAI_BASE_URL": f"{self._model}/v1", "OPENAI_API_KEY": "none-is-needed"}

    @property
    def url(self) -> str:
        """Where the registry is."""
        return f"http://127.0.0.1:{self._port}"

    def run(self, *command: str, cwd: Path | None = None, token: str = "", fails: bool = False) -> str:
        """Run a command to its end, and give back what it wrote.

        Args:
            command: with its arguments.
            cwd: the folder that it runs in; None: that of the demo.
            token: that of the registry; empty: the admin's.
            fails: whether it is to fail.

        Raises:
            DemoError: it failed, or did not although it was to.
        """
        own = {"PROMPTSTAGE_TOKEN": token} if token else {}
        done = subprocess.run(  # noqa: S603 - the story's own commands
            command,
            cwd=cwd or self.folder,
            env=self._environment | self._terminal | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if bool(done.returncode) != fails:
            raise DemoError(f"{' '.join(command)}: {done.stdout}")
        return done.stdout.rstrip()

    def ask(self, path: str) -> Any:
        """Read from the registry's API."""
        return self._call("GET", path).json()

    def write(self, path: str, content: str) -> None:
        """Write a file of the folder."""
        (self.folder / path).write_text(content)

    def token(self, name: str, role: str) -> str:
        """Make a token, and give back its secret."""
        return str(self._call("POST", "/v1/tokens", json={"name": name, "role": role}).json()["secret"])

    def start_registry(self, *options: str) -> None:
        """Start it, instead of the one that runs, and wait until it is ready. Raises DemoError."""
        if self._registry:
            self._registry.terminate()
            self._registry.wait(END_SECONDS)
        log = (self.folder / "registry.log").open("a")
        serve = ("promptstage", "serve", "--repository", "prompts", *options)
        process = self._registry = self._start(*serve, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoError((self.folder / "registry.log").read_text())
            time.sleep(0.05)

    def start_apps(self) -> None:
        """Start them and their model; from now on there are lines."""
        environment = self._environment | {"PROMPTSTAGE_TOKEN": self.token("web", "app")}
        self._start(sys.executable, str(HERE / "model.py"), self._model.rpartition(":")[2])
        for name in APPS:
            app = self._start(
                sys.executable, str(HERE / "app.py"), name, self._model, "--report-rollbacks",
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            Thread(target=self._listen, args=(app.stdout,), daemon=True).start()
            Thread(target=self._note, args=(name, app.stderr), daemon=True).start()
        quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._start(sys.executable, str(HERE / "app.py"), JOB, self._model, "--busy", **quiet)

    def close(self) -> None:
        """End everything, the apps first."""
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def await_calls(self, version: str, count: int) -> None:
        """Wait until so many calls of a stable version were reported. Raises DemoError."""
        path = "/v1/environments/production/usage?prompt=summarize&by=version,arm"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._calls(path, version) < count:
            if time.monotonic() > deadline:
                raise DemoError(f"the apps were to make {count} calls of {version}: {self.ask(path)}")
            time.sleep(0.1)

    def _calls(self, path: str, version: str) -> int:
        rows = self.ask(path)["data"]
        return sum(row["calls"] for row in rows if (row["version"], row["arm"]) == (version, "stable"))

    def await_change(self, actor: str) -> float:
        """Wait until somebody changes the rollout; when it was, in seconds since 1970. Raises DemoError."""
        path = "/v1/environments/production/rollouts/summarize/history?limit=1"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (change := self.ask(path)["data"][0])["actor"] != actor:
            if time.monotonic() > deadline:
                raise DemoError(f"{actor} was to change the rollout; the last change is {change}")
            time.sleep(0.1)
        return datetime.fromisoformat(change["at"]).timestamp()

    def forget_rollbacks(self) -> None:
        """Begin to listen for the next rollback: completing a rollout looks the same to a user."""
        while not self.rollbacks.empty():
            self.rollbacks.get()

    def hear(self, seconds: float) -> Iterator[str]:
        """The lines that the apps log from now on, for so long."""
        while not self.lines.empty():
            self.lines.get()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                yield self.lines.get(timeout=left)
            except queue.Empty:
                return

    def _call(self, method: str, path: str, **body: Any) -> urllib3.BaseHTTPResponse:
        token = (self.folder / ".data/admin.token").read_text().strip()
        bearer = {"Authorization": f"Bearer {token}"}
        return urllib3.request(method, self.url + path, headers=bearer, **body)

    def _start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - the story's own commands
            command, cwd=self.folder, text=True, **{"env": self._environment, **options}
        )
        self._running.append(process)
        return process

    def _is_ready(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/readyz", retries=False).status == OK
        except urllib3.exceptions.HTTPError:
            return False

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.put(line.rstrip())

    def _note(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            if re.match(r'\{"version"', line):
                self.rollbacks.put((name, json.loads(line)["at"]))
            else:
                self.lines.put(f"{name}  {line.rstrip()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _environment(folder: Path, url: str) -> dict[str, str]:
    """Nothing of a real installation, nor of the git of whoever looks on."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PROMPTSTAGE_", "GIT_"))}
    people = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _ADA.items()}
    return {
        **inherited,
        **people,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": f"{COMMANDS}:{os.environ['PATH']}",
        "PROMPTSTAGE_URL": url,
        "PROMPTSTAGE_PORT": url.rpartition(":")[2],
        "PROMPTSTAGE_DATA": str(folder / ".data"),
        "PROMPTSTAGE_SNAPSHOT_DIR": str(folder / "snapshots"),
    }


_ADA = {"NAME": "Ada Lovelace", "EMAIL": "ada@example.org"}
