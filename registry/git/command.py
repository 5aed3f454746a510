"""Run git sealed from outside configuration.

This is the one module that imports GitPython. Every command has an argument list of our own, an
environment of our own (``gitconfig`` beside this file is the only configuration), and a deadline of our
own, after which the whole process group is killed.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import subprocess
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from git import cmd
from git.exc import GitCommandNotFound

from registry.errors import GitFailed
from registry.git.process import (
    MEMORY,
    OUTPUT,
    REAP_SECONDS,
    WORDS_KEPT,
    communicate,
    failure,
    kill,
    missing,
    pipes,
    reap,
    sealed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RUN_SECONDS = 30.0  # a local command takes milliseconds; only a sick disk needs more
READ_SECONDS = 10.0  # one object takes a tenth of a millisecond
OBJECT_LIMIT = 64 << 20  # bytes; a folder of a million files, more than any object we read
AHEAD = 100  # objects requested at a time: all requests fit into a pipe, so that writing them never blocks
AHEAD_LIMIT = 1 << 18  # bytes of each; a larger one is read alone
IDLE_READERS = 4  # idle processes kept; there are as many busy ones as reading threads
PRIVATE = 0o077  # files are for this user alone, whatever folder they are in
# Read-only commands: one that a signal ended is run once more.
READING = frozenset(("cat-file", "for-each-ref", "ls-remote", "ls-tree", "rev-list"))

_CONFIG_FILE = Path(__file__).with_name("gitconfig")
_BASE_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": str(_CONFIG_FILE),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # an object is what its id names
    "GIT_NO_LAZY_FETCH": "1",  # only our own commands fetch
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "LC_ALL": "C",  # its messages are parsed
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
}


_VARIABLE = re.compile("GIT_[A-Za-z0-9_]+")
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class GitObject:
    """An object whose bytes hash to its id. `kind` is ``commit``, ``tree``, ``blob`` or ``tag``."""

    oid: str
    kind: str
    data: bytes


class Wanted(NamedTuple):
    """A request for an object by its full id; one of more than `limit` bytes is not read."""

    oid: str
    limit: int


class Git:
    """Run git on one bare repository, which may not exist yet; any thread may use it."""

    def __init__(
        self,
        directory: Path,
        *,
        config: Sequence[str] = (),
        environment: Mapping[str, str] = _NOTHING,
        memory: int = MEMORY,
    ) -> None:
        """Prepare; no process is started yet.

        Args:
            directory: the bare repository.
            config: settings of this repository alone, as ``key=value``; they reach git through its
                environment, so that no other user of the machine can see them.
            environment: variables for git beside our own.
            memory: bytes of data that one process may allocate.
        """
        self._directory = directory.absolute()
        self._environment = {**_BASE_ENVIRONMENT, **_config_variables(config), **environment}
        self._memory = memory
        self._idle: deque[_Reader] = deque()
        self._running: set[cmd.Git.AutoInterrupt] = set()

    def init(self) -> None:
        """Create the repository, without hooks. Does nothing if it exists."""
        self.run("init", "--quiet", "--bare")

    def run(
        self,
        *args: str,
        data: bytes = b"",
        timeout: float = RUN_SECONDS,
        limit: int = OUTPUT,
        room: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> bytes:
        """Run one command to its end; repeat a read-only one once if a signal ended it.

        Args:
            args: the command and its arguments, which must not come from outside.
            data: its standard input.
            timeout: seconds after which it is killed, with its whole process group.
            limit: bytes of output, after which it is killed too.
            room: bytes of each file that it may write; None: no limit but the disk.
            pass_fds: descriptors that it inherits, such as that of a lock.

        Returns:
            Its standard output.

        Raises:
            GitFailed: it ended with an error, ran out of time (`git_timeout`), memory (`git_no_memory`) or
                room (`git_no_room`), wrote too much (`git_too_much`), or a signal ended it (`git_killed`).
        """
        for again in (args[0] in READING, False):
            process = self._start(args, pass_fds, room)
            self._running.add(process)
            try:
                return self._finish(process, args[0], data, timeout, limit)
            except GitFailed as error:
                ended_by_us = process not in self._running
                if error.code != "git_killed" or ended_by_us or not again:
                    raise
            finally:
                self._running.discard(process)
        raise AssertionError  # the second try returns or raises

    def _finish(
        self, process: cmd.Git.AutoInterrupt, command: str, data: bytes, timeout: float, limit: int
    ) -> bytes:
        child = _child(process)
        try:
            output, words = communicate(child, data, timeout, limit)
        except BaseException as error:
            kill(child)
            reap(child)
            if isinstance(error, subprocess.TimeoutExpired):
                raise GitFailed(f"git {command} was ended after {timeout:g} s", code="git_timeout") from None
            raise
        if child.returncode:
            raise failure(command, child.returncode, words, self._memory)
        return output

    def read_object(self, expression: str, *, limit: int = OBJECT_LIMIT) -> GitObject | None:
        """Read one object through a long-lived process.

        Args:
            expression: a full object id, ``<object id>:<path>``, or the full name of a ref.
            limit: bytes; a larger object is not read.

        Returns:
            The object, or None if it does not exist.

        Raises:
            GitFailed: the object is damaged (`git_corrupt`), too large (`git_too_large`), git did not
                answer in time (`git_timeout`), or it failed, twice if a signal ended it (`git_killed`).
        """
        question = _question(expression)
        try:
            found = self._ask(question, limit)
        except GitFailed as error:
            if error.code != "git_killed":
                raise
            found = self._ask(question, limit)
        return _checked(found) if found else None

    def _ask(self, question: bytes, limit: int) -> GitObject | None:
        with self._reader() as reader:
            return reader.ask(question, time.monotonic() + READ_SECONDS, limit)

    def read_objects(self, wanted: Sequence[Wanted]) -> list[GitObject | GitFailed | None]:
        """Read many objects as `read_object` does: the same answers or errors, in a tenth of the time."""
        found: list[GitObject | GitFailed | None] = []
        for start in range(0, len(wanted), AHEAD):
            some = wanted[start : start + AHEAD]
            try:
                found += self._read_batch(some)
            except GitFailed:  # one of them is too large or damaged: read each alone to find which
                found += (self._read_or_fail(*each) for each in some)
        return found

    def _read_batch(self, wanted: Sequence[Wanted]) -> list[GitObject | None]:
        questions = [_question(oid) for oid, _ in wanted]
        with self._reader() as reader:
            deadline = time.monotonic() + READ_SECONDS
            reader.send(b"".join(questions))
            found = [reader.take(deadline, min(limit, AHEAD_LIMIT)) for _, limit in wanted]
        return [each and _checked(each) for each in found]

    def _read_or_fail(self, oid: str, limit: int) -> GitObject | GitFailed | None:
        try:
            return self.read_object(oid, limit=limit)
        except GitFailed as error:
            return error

    def close(self) -> None:
        """End every process, also those in use by other threads. Git can be used again afterwards."""
        running, self._running = self._running, set()
        for process in running:
            kill(_child(process))
        with suppress(IndexError):
            while True:
                self._idle.pop().end()

    @contextmanager
    def _reader(self) -> Iterator[_Reader]:
        """Lend a process to this thread alone; end one that failed, as it may be in mid-answer."""
        reader = self._take_reader()
        try:
            yield reader
        except BaseException:
            reader.end()
            raise
        if len(self._idle) < IDLE_READERS:
            self._idle.append(reader)
        else:
            reader.end()

    def _take_reader(self) -> _Reader:
        """Take an idle process that is alive and ours; a deque, as a lock could be held across a fork."""
        with suppress(IndexError):
            while True:
                reader = self._idle.pop()
                if reader.usable():
                    return reader
                reader.end()
        return _Reader(self._start(("cat-file", "--batch")), self._memory)

    def _start(
        self, args: Sequence[str], pass_fds: Sequence[int] = (), room: int | None = None
    ) -> cmd.Git.AutoInterrupt:
        git = ["git", f"--git-dir={self._directory}", *args]
        try:
            return cmd.Git(self._directory.anchor).execute(
                sealed(git, self._memory, room, _inherited(self._environment)),
                istream=subprocess.PIPE,
                as_process=True,
                env=self._environment,
                start_new_session=True,
                umask=PRIVATE,
                pass_fds=tuple(pass_fds),
            )
        except (GitCommandNotFound, OSError) as error:
            raise missing() from error


class _Reader:
    """One ``cat-file --batch`` process, used by one thread at a time."""

    def __init__(self, process: cmd.Git.AutoInterrupt, memory: int) -> None:
        self._held = process  # kills the process when it is released
        self._process = _child(process)
        self._memory = memory
        self._owner = os.getpid()
        self._buffer = bytearray()
        self._words = b""
        self._input, self._output, self._errors = (pipe.fileno() for pipe in pipes(self._process))
        self._poll = select.poll()
        for descriptor in (self._output, self._errors):
            self._poll.register(descriptor, select.POLLIN)

    def usable(self) -> bool:
        """Return whether it is alive and our own child, not that of a parent we were forked from."""
        return self._owner == os.getpid() and self._process.poll() is None

    def end(self) -> None:
        """Kill it if it is our own child."""
        if self._owner == os.getpid():
            kill(self._process)
            reap(self._process)

    def ask(self, question: bytes, deadline: float, limit: int) -> GitObject | None:
        self.send(question)
        return self.take(deadline, limit)

    def send(self, questions: bytes) -> None:
        """Send requests; those that fit into the pipe do not block."""
        with suppress(BrokenPipeError):  # reading reports why
            os.write(self._input, questions)

    def take(self, deadline: float, limit: int) -> GitObject | None:
        """Read the answer to the oldest open request."""
        header = self._line(deadline)
        if header.endswith((b" missing", b" ambiguous")):
            return None
        oid, kind, size = header.split()
        if int(size) > limit:
            raise GitFailed(f"{oid.decode()} has {int(size)} bytes", code="git_too_large")
        data = self._take(int(size), deadline)
        self._take(1, deadline)  # the end of the line
        return GitObject(oid.decode(), kind.decode(), data)

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill(deadline)
        return self._take(end + 1, deadline)[:-1]

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._fill(deadline)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self, deadline: float) -> None:
        """Read its output and its messages; a full pipe of messages would block it."""
        ready = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            raise GitFailed(f"git cat-file did not answer within {READ_SECONDS:g} s", code="git_timeout")
        for descriptor, _ in ready:
            chunk = os.read(descriptor, 1 << 16)
            if descriptor == self._errors:
                self._words = (self._words + chunk)[-WORDS_KEPT:]
            else:
                self._buffer += chunk
            if not chunk:
                self._poll.unregister(descriptor)
                raise self._broken()

    def _broken(self) -> GitFailed:
        """Build the error of how it ended; its last messages may still be in the pipe."""
        deadline = time.monotonic() + REAP_SECONDS
        with suppress(GitFailed, subprocess.TimeoutExpired):
            while self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                chunk = os.read(self._errors, 1 << 16)
                self._words = (self._words + chunk)[-WORDS_KEPT:]
                if not chunk:
                    break
            self._process.wait(REAP_SECONDS)
        return failure("cat-file", self._process.returncode or 1, self._words, self._memory)


def _question(expression: str) -> bytes:
    if "\n" in expression or "\0" in expression:
        raise GitFailed("a line break or NUL cannot be looked up", code="git_bad_expression")
    return f"{expression}\n".encode()


def _checked(found: GitObject) -> GitObject:
    """Return the object if its bytes hash to its id. Raises GitFailed."""
    digest = hashlib.sha1(b"%s %d\0" % (found.kind.encode(), len(found.data)), usedforsecurity=False)
    digest.update(found.data)
    if digest.hexdigest() != found.oid:
        raise GitFailed(f"the {found.kind} {found.oid} is damaged on disk", code="git_corrupt")
    return found


def _config_variables(config: Sequence[str]) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for position, setting in enumerate(config):
        key, _, value = setting.partition("=")
        variables |= {f"GIT_CONFIG_KEY_{position}": key, f"GIT_CONFIG_VALUE_{position}": value}
    return variables


def _inherited(ours: Mapping[str, str]) -> list[str]:
    """Return the names of git's variables that are not ours: GitPython cannot remove one."""
    return [name for name in os.environ if _VARIABLE.fullmatch(name) and name not in ours]


def _child(process: cmd.Git.AutoInterrupt) -> subprocess.Popen[bytes]:
    """Return the process itself, without GitPython's own waiting."""
    return cast("subprocess.Popen[bytes]", process.proc)
