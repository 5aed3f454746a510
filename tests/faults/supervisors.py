"""Supervisors that never import the application, with a logging configuration that names its prompt."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from client.serving import TESTS, ask, get
from faults.scenario import Result, at_least
from support import PATIENCE, children, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "%(levelname)s [%(promptstage)s] %(message)s"
# The three ways in which a configuration can name it.
WAYS: dict[str, dict[str, Any]] = {
    "a filter": {"formatter": {"format": FORMAT}, "filters": ["prompt"]},
    "a formatter": {"formatter": {"class": "promptstage.logs.Formatter", "format": FORMAT}, "filters": []},
    "JSON": {"formatter": {"()": "promptstage.logs.JsonFormatter"}, "filters": []},
}
KILLS = {True: 10, False: 1}  # in full, in short


class Server(NamedTuple):
    """A server with two workers, and what it says when one of them is there."""

    command: tuple[str, ...]
    started: str


SERVERS = {
    "uvicorn": Server(
        (
            "--app-dir",
            str(TESTS),
            "--port",
            "0",
            "--workers",
            "2",
            "faults.supervised_app:app",
            "--log-config",
        ),
        "startup complete",
    ),
    "gunicorn": Server(
        (
            "--pythonpath",
            str(TESTS),
            "--bind",
            "127.0.0.1:0",
            "--workers",
            "2",
            "--no-control-socket",
            "faults.supervised_app:wsgi",
            "--log-config-json",
        ),
        "Booting worker",
    ),
}


def prove(*, full: bool) -> Iterator[Result]:
    """Kill workers, have them started again, and read what all of the processes say."""
    for name, way in product(SERVERS, WAYS) if full else [("uvicorn", "a filter")]:
        with TemporaryDirectory() as folder:
            yield _killed(Path(folder), name, way, kills=KILLS[full])


def _killed(folder: Path, name: str, way: str, *, kills: int) -> Result:
    with _serving(folder, name, way) as (process, port, log):
        for number in range(kills):
            os.kill(_workers(process.pid)[0], signal.SIGKILL)
            _started(log, name, 2 + number + 1)
            ask(port, get(f"/p{number}"))
        process.terminate()
        stuck = _never_ends(process)
        lines = log.read_text()
    said = sum(f"p{number}@1.0.0" in lines for number in range(kills))
    result = Result(
        f"{name} --workers 2, {way} in the logging configuration",
        kills,
        wrong=lines.count("Traceback") + lines.count("not found in record") + stuck + kills - said,
        note=f"{lines.count(chr(10))} lines",
    )
    return at_least(result, kills)


@contextmanager
def _serving(folder: Path, name: str, way: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    log, configuration = folder / "log", folder / "log.json"
    configuration.write_text(json.dumps(_configuration(**WAYS[way])))
    command = [sys.executable, "-m", name, *SERVERS[name].command, str(configuration)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder)
    try:
        port = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()), name)[1]
        _started(log, name, 2)
        yield process, int(port), log
    finally:
        process.kill()
        process.wait()


def _configuration(formatter: dict[str, Any], filters: list[str]) -> dict[str, Any]:
    handler = {"class": "logging.StreamHandler", "formatter": "line", "filters": filters}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"prompt": {"()": "promptstage.logs.Filter"}},
        "formatters": {"line": formatter},
        "handlers": {"out": handler},
        "root": {"handlers": ["out"], "level": "INFO"},
        "loggers": {"gunicorn.error": {"handlers": ["out"], "level": "INFO", "propagate": False}},
    }


def _workers(supervisor: int) -> list[int]:
    """Its children that serve, and not the one that multiprocessing tracks resources with."""
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(supervisor)}
    return [pid for pid, line in lines.items() if b"resource_tracker" not in line]


def _started(log: Path, name: str, workers: int) -> None:
    """Wait until so many workers have started since the beginning."""
    said = SERVERS[name].started
    until(lambda: log.read_text().count(said) >= workers, f"{workers} workers to start")


def _never_ends(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return True
    return False
