"""Starts registries by forking a process that has imported them: a start costs a tenth of the processor time.

python -m fork_server SOCKET    serves until the process that started it ends.

A registry so started has the arguments, environment, folder and output that it was asked to have, and is a
process of its own in all else. What an interpreter reads as it starts (PYTHONPATH, LD_PRELOAD) needs a real
start.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, NoReturn, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REQUEST_BYTES = 1 << 20
INTERPRETER = ("PYTHON", "LD_", "PROMETHEUS_")  # read before a registry's first line runs
PROGRAM = (sys.executable, "-m", "registry")


class Request(TypedDict):
    """A registry to start."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str


class Forked:
    """A process that a fork server started; it has what tests use of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._code: int | None = None
        self.pid = int.from_bytes(_exactly(connection, 4), "big")

    def poll(self) -> int | None:
        """How it ended, if it did."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        if self._code is None:
            self._connection.settimeout(timeout)
            try:
                self._code = int.from_bytes(_exactly(self._connection, 4), "big", signed=True)
            except (BlockingIOError, TimeoutError) as error:
                raise subprocess.TimeoutExpired("registry", timeout or 0.0) from error
            self._connection.close()
        return self._code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks, started at the first use and ended with this one."""

    def __init__(self) -> None:
        self._address: str | None = None
        self._lock = Lock()  # registries are started in threads, too

    def can_start(self, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether a fork would be what a real start is: one process, and an interpreter as this one."""
        special = (key for key in environment.keys() | os.environ.keys() if key.startswith(INTERPRETER))
        same = all(environment.get(key) == os.environ.get(key) for key in special)
        return same and tuple(command[:3]) == PROGRAM and tuple(command[-2:]) == ("--workers", "1")

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        """Start a registry; what it writes goes to the log."""
        connection = socket.socket(socket.AF_UNIX)
        with self._lock:
            address = self._serving()
        connection.connect(address)
        request: Request = {
            "arguments": list(command[3:]),
            "environment": dict(environment),
            "folder": str(Path.cwd()),
        }
        with log.open("wb") as output:
            socket.send_fds(connection, [json.dumps(request).encode()], [output.fileno()])
        return Forked(connection)

    def _serving(self) -> str:
        if self._address is None:
            folder = TemporaryDirectory(prefix="fork-server-")
            address = str(Path(folder.name) / "s")
            ours, theirs = socket.socketpair()
            self._process = subprocess.Popen(
                [sys.executable, __file__, address, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )
            theirs.close()
            _exactly(ours, 1)  # it listens

            def end() -> None:
                ours.close()  # which it serves until
                self._process.wait()
                folder.cleanup()

            atexit.register(end)
            self._address = address
        return self._address


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size)
    assert len(data) == size, "the fork server has ended"
    return data


def _serve(address: str, parent: socket.socket) -> None:
    """Fork for whoever connects, and say how what was forked ended."""
    import registry.app  # noqa: PLC0415 - here alone, and not in the tests
    import registry.server.workers  # noqa: F401, PLC0415

    with selectors.DefaultSelector() as selector, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(parent, selectors.EVENT_READ)
        parent.sendall(b"!")
        while True:
            for key, _ in selector.select():
                if key.fileobj is parent:
                    return
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    pid = _fork(connection)
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))
                    continue
                selector.unregister(key.fileobj)
                os.close(key.fd)
                _tell(*key.data)


def _fork(connection: socket.socket) -> int:
    request, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
    if (pid := os.fork()) == 0:
        _become(json.loads(request), descriptors[0])
    connection.sendall(pid.to_bytes(4, "big"))
    os.close(descriptors[0])
    return pid


def _become(request: Request, output: int) -> NoReturn:
    """Be a registry, from the first line to the exit."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((null, output, output)):
            os.dup2(descriptor, number)
        os.closerange(3, 1 << 16)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["registry", *request["arguments"]]
        from registry.cli.main import main  # noqa: PLC0415 - as `python -m registry`

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _tell(pid: int, connection: socket.socket) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError), connection:  # nobody may be left to be told
        connection.sendall(code.to_bytes(4, "big", signed=True))


if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
