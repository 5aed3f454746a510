"""Real Celery workers: jobs follow one another in the same process, thread or loop."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from celery import Celery, chain  # type: ignore[import-untyped] # has no types
from client.serving import TESTS
from faults.scenario import Result, at_least
from support import PATIENCE, Valkey, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261129
KINDS = ("gets", "none", "fails", "misses", "tries", "nests")
JOBS = {True: 300, False: 20}  # in full, in short
ALL_SECONDS = 120.0  # for all jobs: one that is tried again waits behind all the others
POOLS = {
    "prefork": ["--concurrency", "2", "--max-tasks-per-child", "10"],
    "threads": ["--concurrency", "4"],
    "solo": [],
}


def prove(*, full: bool) -> Iterator[Result]:
    """Let workers of each kind do jobs in any order, and compare each line's stamp with what it expects."""
    random.seed(SEED)
    for pool in POOLS if full else ["prefork"]:
        with TemporaryDirectory() as folder:
            yield _worked(Path(folder), pool, jobs=JOBS[full])


def _worked(folder: Path, pool: str, *, jobs: int) -> Result:
    valkey = Valkey(folder)
    broker = valkey.url.replace("unix://", "redis+socket://")
    try:
        with _worker(folder, pool, broker) as log:
            _send(Celery(broker=broker, backend=broker, set_as_current=False), jobs)
        lines = log.read_text()
    finally:
        valkey.kill()
    said = re.findall(r"^stamp=(.*?);.*?expected=(\S+)", lines, re.MULTILINE)
    received = re.findall(r"^stamp=(.*?);Task \S+ received", lines, re.MULTILINE)
    wrong = sum(stamp != expected for stamp, expected in said) + sum(stamp != "-" for stamp in received)
    wrong += lines.count("--- Logging error ---")
    result = Result(
        f"Celery, {pool}: jobs in any order", len(received), wrong=wrong, note=f"{len(said)} lines"
    )
    return at_least(result, jobs)


def _send(app: Celery, jobs: int) -> None:
    """Send jobs of all kinds and a chain, and wait for the end of each."""
    names = [f"p{number}" for number in range(10)]
    sent = [app.send_task(random.choice(KINDS), (random.choice(names),)) for _ in range(jobs)]
    sent.append(
        chain(app.signature(kind, args) for kind, args in (("chains", ("p1",)), ("gets", ()))).delay()
    )
    for job in sent:
        job.get(timeout=ALL_SECONDS, propagate=False)
    app.close()


@contextmanager
def _worker(folder: Path, pool: str, broker: str) -> Iterator[Path]:
    command = [sys.executable, "-m", "celery", "--app", "faults.celery_app", "--workdir", str(TESTS)]
    command += ["worker", "--loglevel", "INFO", "--pool", pool, *POOLS[pool]]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "BROKER": broker})
    try:
        until(lambda: "ready." in log.read_text(), "Celery")
        yield log
    finally:
        process.send_signal(signal.SIGQUIT)  # all jobs are done: it need not look for more
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
