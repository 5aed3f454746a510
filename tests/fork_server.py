"""Starts `promptstage` by forking a process that has imported it, in a tenth of the processor time.

python -m fork_server SOCKET    serves until the process that started it ends.

What is so started has the arguments, environment, folder and streams that it was asked to have, and is a
process of its own in all else. What an interpreter reads as it starts (PYTHONPATH, LD_PRELOAD) needs a real
start.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypedDict

import forked_command
import typer.main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REQUEST_BYTES = 1 << 20
INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG", "PROMETHEUS_")  # read before a registry's first line runs
PROGRAM = (sys.executable, "-m", "registry")
PRELOADED = (
    "registry.app", "registry.cli.main", "registry.server.workers", "anyio._backends._asyncio", "uvloop",
)  # fmt: skip


class Request(TypedDict):
    """What to start.

    Attributes:
        umask: None is that of the tests.
        with_caller: whether it is killed when the caller ends first.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    umask: int | None
    with_caller: bool


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
        special = {name: value for name, value in environment.items() if name.startswith(INTERPRETER)}
        return (
            special.items() <= os.environ.items()
            and tuple(command[:3]) == PROGRAM
            and tuple(command[-2:]) == ("--workers", "1")
        )

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
            "umask": None,
            "with_caller": False,
        }
        with log.open("wb") as output, Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), output.fileno(), output.fileno()]
            socket.send_fds(connection, [marshal.dumps(dict(request))], streams)
        return Forked(connection)

    def command(self) -> Path:
        """Return a program named promptstage that is forked, or started where that would differ."""
        with self._lock:
            return Path(self._serving()).with_name("promptstage")

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
            special = {name: value for name, value in os.environ.items() if name.startswith(INTERPRETER)}
            command = Path(folder.name) / "promptstage"
            command.write_text(forked_command.text(address, PROGRAM, INTERPRETER, special))
            command.chmod(0o700)

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
    _prepare()
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
                    data, streams, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 3)
                    if data:  # else the caller was killed
                        _begin(marshal.loads(data), streams, connection, selector)
                else:
                    key.data()


def _begin(
    request: Request, streams: Sequence[int], connection: socket.socket, selector: selectors.BaseSelector
) -> None:
    """Fork for a caller, and tell it how that ended."""
    if (pid := os.fork()) == 0:
        _become(request, streams)
    for stream in streams:
        os.close(stream)
    with suppress(OSError):  # where it was killed meanwhile: its end is noticed below
        connection.sendall(pid.to_bytes(4, "big"))
    process = os.pidfd_open(pid)

    def end() -> None:
        selector.unregister(process)
        if request["with_caller"]:
            selector.unregister(connection)
        os.close(process)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError), connection:  # nobody may be left to be told
            connection.sendall(code.to_bytes(4, "big", signed=True))

    selector.register(process, selectors.EVENT_READ, end)

    def kill() -> None:
        with suppress(ProcessLookupError):  # both ended at once
            os.kill(pid, signal.SIGKILL)

    if request["with_caller"]:  # it sends nothing more: what can be read is its end
        selector.register(connection, selectors.EVENT_READ, kill)


def _prepare() -> None:
    """Do once what is the same for each registry: imports, and the commands that Typer makes of functions."""
    for module in PRELOADED:
        import_module(module)
    typer.main.get_command = cache(typer.main.get_command)
    group: Any = typer.main.get_command(import_module("registry.cli.main").app)
    dict(group.commands)  # each is imported when it is looked up
    gc.collect()
    gc.freeze()  # a search for garbage in a fork would copy every page that it looks at


def _become(request: Request, streams: Sequence[int]) -> NoReturn:
    """Be `python -m registry`, from the first line to the exit."""
    code = 1
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        os.closerange(3, 1 << 16)
        os.chdir(request["folder"])
        if request["umask"] is not None:
            os.umask(request["umask"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.stdin, sys.stdout, sys.stderr = map(_again, (sys.stdin, sys.stdout, sys.stderr), range(3))
        main = sys.modules["__main__"] = ModuleType("__main__")  # processes that it starts look there
        main.__spec__ = find_spec("registry.__main__")
        sys.argv = ["promptstage", *request["arguments"]]
        import_module("registry.cli.main").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _again(stream: TextIO, descriptor: int) -> TextIOWrapper:
    """Open a stream as the interpreter did, on what is its descriptor now."""
    assert isinstance(stream, TextIOWrapper)
    raw = open(descriptor, "wb" if descriptor else "rb", closefd=False)  # noqa: SIM115 - until the end
    return TextIOWrapper(
        raw,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=raw.isatty() or stream is sys.stderr,
        write_through=stream.write_through,
    )


if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
