"""What the tests of the service share: a prompt repository, a registry process, and how to ask it."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import re
import signal
import socket
import subprocess
import time
import warnings
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import redis
import urllib3
from fork_server import PROGRAM

from registry.redis import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fork_server import ForkServer

T = TypeVar("T")

STATES = "{promptstage}:states"  # what registries share in Redis, with the default prefix
PATIENCE = 15.0  # seconds that anything may take before a test gives up on it
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def prompt(text: str = "Summarize {{text}}", *required: str) -> str:
    """A prompt file; it declares the variables that are named, else those that are found."""
    lines = ["messages:", "  - role: user", f"    content: {json.dumps(text)}"]
    if required:
        lines += ["variables:", *(f"  - name: {name}\n    required: true" for name in required)]
    return "\n".join(lines) + "\n"


class PromptRepository:
    """A repository of an author, in which one call commits and tags a version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args: str) -> str:
        """Run the author's git."""
        command = ["git", "-C", str(self.path), *args]
        done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, **GIT})
        return done.stdout.decode().strip()

    def tag(self, name: str, version: str, content: str | bytes | None = None) -> None:
        """Commit a file and tag it; without content, one that says its version."""
        content = prompt(f"{name} {version}: {{{{text}}}}") if content is None else content
        file = self.path / "prompts" / f"{name}.prompt.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", f"{name} {version}")
        self.git("tag", "-a", f"{name}/v{version}", "-m", f"{name} {version}")


def promptstage() -> list[str]:
    """The command `promptstage`, which is forked where tests have set what forks."""
    return [str(Registry.forks.command())] if Registry.forks else list(PROGRAM)


def programs() -> str:
    """Where `promptstage` and all else that is installed can be found: the beginning of a PATH."""
    return os.pathsep.join(str(Path(program).parent) for program in (promptstage()[0], PROGRAM[0]))


class Answer:
    """One answer of the API."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.data.decode()

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)


class Api:
    """Asks a registry over HTTP, with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send one request; header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        return Answer(self._pool.request(method, self.url + path, body=data, headers=sent))

    def get(self, path: str, **headers: str) -> Answer:
        """Read."""
        return self.call("GET", path, **headers)

    def act(
        self, op: str, name: str, body: object = None, environment: str = "production", **headers: str
    ) -> Answer:
        """Change a rollout."""
        path = f"/v1/environments/{environment}/rollouts/{name}/actions/{op}"
        return self.call("POST", path, body, **headers)

    def state(self, name: str, environment: str = "production") -> Any:
        """What is in force."""
        return self.get(f"/v1/environments/{environment}/rollouts/{name}").json

    def close(self) -> None:
        """End the connections."""
        self._pool.clear()


class Process(Protocol):
    """What a test does with a process; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """How it ended, if it did."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """End it at once."""


class Registry:
    """A registry process, as an operator starts it.

    Attributes:
        program: what is started.
        forks: what starts it faster, in the tests; None, in proofs and benches, is always the real start.
    """

    program: Sequence[str] = PROGRAM
    forks: ForkServer | None = None

    def __init__(
        self,
        repository: Path | str,
        data: Path,
        *,
        port: int = 0,
        workers: int = 1,
        patience: float = PATIENCE,
        **settings: str,
    ) -> None:
        self.data = data
        self._log = data.with_suffix(f".{time.monotonic_ns()}.log")
        environment = {
            **os.environ,
            **{f"PROMPTSTAGE_{key.upper()}": value for key, value in settings.items()},
        }
        command = [*self.program, "serve", "--repository", str(repository), "--data", str(data)]
        command += ["--port", str(port), "--workers", str(workers)]
        self.process = self.launch(command, environment, self._log)
        try:
            self.port = port or int(self.find(r"http://127\.0\.0\.1:(\d+)")[1])
            self.url = f"http://127.0.0.1:{self.port}"
            until(self._ready, "the registry to be ready", patience=patience)
        except BaseException as error:
            self.kill()
            error.add_note(self.log)
            raise
        self.api = Api(self.url, (data / "admin.token").read_text().strip())

    def launch(self, command: list[str], environment: dict[str, str], log: Path) -> Process:
        """Start the process; what it writes goes to the log."""
        if self.forks and self.forks.can_start(command, environment):
            return self.forks.start(command, environment, log)
        with log.open("wb") as file:
            return subprocess.Popen(command, stdout=file, stderr=file, env=environment)

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    def find(self, pattern: str) -> re.Match[str]:
        """Wait until its log says something; a process that ended will not."""

        def look() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.log)
            assert found or not ended, self.log
            return found

        return until(look, pattern)

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log
        with closing(Api(self.url, "")) as api:
            try:
                return api.get("/readyz").status == 200
            except urllib3.exceptions.HTTPError:
                return False

    @contextmanager
    def journal_held(self) -> Iterator[Callable[[], bool]]:
        """Keep everybody from writing to the journal; yields what tells whether a change waits for it."""
        with (self.data / "journal.lock").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lambda: _is_locked(self.data / "journal.turn")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)


def unread_stream(registry: Registry) -> socket.socket:
    """A client that asks for a stream, and reads nothing; it has next to no buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # the sender's buffer follows from it
    connection.connect(("127.0.0.1", registry.port))
    connection.sendall(
        b"GET /v1/environments/production/stream?names=summarize HTTP/1.1\r\nHost: registry\r\n"
        b"Authorization: Bearer %s\r\n\r\n" % registry.api.token.encode()
    )
    return connection


def _is_locked(path: Path) -> bool:
    with path.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def until(look: Callable[[], T | None], what: str, log: str = "", *, patience: float = PATIENCE) -> T:
    """Look again and again until there is something, and give it back."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}\n{log}"
        time.sleep(0.005)
    return found


def collect_garbage() -> None:
    """Collect it, and heed no warning of what another test left open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def children(pid: int) -> list[int]:
    """The processes that a process started, in any thread, and theirs; one that has just ended has none."""
    direct: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            direct += map(int, file.read_text().split())
    return direct + [below for child in direct for below in children(child)]


def processes_with(text: str) -> list[str]:
    """The command lines of all running processes that hold a text."""

    def lines() -> Iterator[str]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in line and int(folder.name) != os.getpid():
                yield f"{folder.name} {line}"

    return list(lines())


class Valkey:
    """A Valkey of the test's own, which can be killed and started again, empty."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "v.sock"
        self.url = f"unix://{self._socket}"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, without any data."""
        self._socket.unlink(missing_ok=True)
        binary = embedded.binary()
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--loglevel", "warning"]
        self.process = subprocess.Popen([binary, *options], cwd=self._socket.parent)
        try:
            until(self.answers, "Valkey")
        except BaseException:
            self.kill()
            raise

    def answers(self) -> bool:
        """Whether it is there."""
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def kill(self) -> None:
        """End it at once."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def client(self) -> redis.Redis:
        """A connection, for the test to meddle with."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def states(self) -> tuple[str, dict[str, Any]]:
        """What registries share: the head, and all states."""
        return states_in(self.url)


def states_in(url: str) -> tuple[str, dict[str, Any]]:
    """What a Redis holds for registries with the default prefix: the head, and all states."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        states = client.hgetall(STATES)
    found = {str(place): json.loads(state) for place, state in states.items() if "/" in str(place)}
    return str(states.get("head")), found
