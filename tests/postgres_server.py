"""A PostgreSQL server of the tests' own, from Debian's package; tests that need it are skipped without."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from support import until

if TYPE_CHECKING:
    from collections.abc import Sequence

RECOVERY_SECONDS = 90.0  # after a kill, while others keep the disk busy
USER = "postgres"  # the server refuses to run as root
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
QUICK = (
    "shared_buffers=32MB", "max_connections=60", "listen_addresses=",
    "recovery_init_sync_method=syncfs",  # after a kill it would wait for each of a thousand files
)  # fmt: skip


def is_there() -> bool:
    """Whether this machine has the programs."""
    return bool(BINARIES)


class Postgres:
    """A server in a folder of its own, reached by a socket there."""

    def __init__(self, *, copy_of: Postgres | None = None, options: Sequence[str] = ()) -> None:
        """Start a server of its own, or a standby that follows another one.

        Args:
            copy_of: the one to follow.
            options: further ones of the server, such as "listen_addresses=127.0.0.1".
        """
        self.folder = Path(tempfile.mkdtemp(prefix="promptstage-postgres-"))
        if os.getuid() == 0:
            shutil.chown(self.folder, USER, USER)
        self._numbers = count(1)
        self._options = (*QUICK, *options)
        data = str(self.folder / "data")
        if copy_of is None:
            self._run("initdb", "-D", data, "-U", USER, "-A", "trust", "-N")
        else:
            self._run(
                "pg_basebackup", "-D", data, "-h", str(copy_of.folder), "-U", USER, "-R", "-c", "fast", "-N"
            )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def promote(self) -> None:
        """Make a standby take writes."""
        with closing(psycopg.connect(self.url(), autocommit=True)) as connection:
            connection.execute("select pg_promote()")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [word for option in self._options for word in ("-c", option)]
        command = [
            str(BINARIES[-1] / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
            *options,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **_as_user())
        until(self._answers, "PostgreSQL", patience=RECOVERY_SECONDS)

    def kill(self) -> None:
        """End it at once, with all its processes, as a crash of the machine would."""
        assert self.process
        self.process.kill()
        self.process.wait()
        until(lambda: not self._kill_rest(), "the processes of PostgreSQL to end")

    def _kill_rest(self) -> list[int]:
        """Kill what the server left: a new one does not start beside any of it."""
        left = [int(cwd.parent.name) for cwd in Path("/proc").glob("[0-9]*/cwd") if self._is_below(cwd)]
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return left

    def _is_below(self, cwd: Path) -> bool:
        with suppress(OSError):
            return cwd.readlink() == self.folder / "data"
        return False

    def url(self, database: str = USER) -> str:
        """The address of a database of it."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database, and return its address."""
        name = f"test{next(self._numbers)}"
        with closing(psycopg.connect(self.url(), autocommit=True)) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)

    def close(self) -> None:
        """End it, and remove its folder."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        command: Sequence[str] = [str(BINARIES[-1] / program), *words]
        subprocess.run(command, check=True, capture_output=True, **_as_user())


def _as_user() -> dict[str, Any]:
    return {"user": USER, "group": USER, "extra_groups": [], "cwd": "/"} if os.getuid() == 0 else {}
