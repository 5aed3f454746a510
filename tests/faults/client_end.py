"""The end of a client: its thread is hit by exceptions, or its process ends while it is busy."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from client.serving import TESTS
from faults.promotes import promotes
from faults.proxy import BLACK_HOLE, SHUT, Proxy
from faults.scenario import Result, at_least

from promptstage._replica.pinned_versions import read_version
from promptstage.model import parse_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.promotes import Promotes

SEED = 20261123
HITS = {True: 500, False: 40}  # in full, in short
ROUNDS = {True: 4, False: 1}  # of all ways to end, before all kinds of registry
ENDINGS = {True: 1000, False: 9}  # of them, at most
SLACK = {True: 0.0, False: 4.0}  # seconds; in short there are others beside us
END_SECONDS = 2.0
BUSY_SECONDS = 0.2  # at most, before a process is told to end
AT_ONCE = 3
GETS_A_SECOND = 200  # fewer prove nothing
FILES = 5  # that may be open when all is over; each thing that leaks does so more often
OUT_SECONDS = 60.0
# How each way ends: the signal that it takes, if any, and the exit code.
WAYS: dict[str, tuple[int, int]] = {
    "ends": (0, 0),
    "exits": (0, 3),
    "exits in a thread": (0, 0),
    "exits at once": (0, 3),
    "leaves a get behind": (0, 0),
    "is interrupted": (signal.SIGINT, 3),
    "is terminated": (signal.SIGTERM, -signal.SIGTERM),
    "is terminated, and handles it": (signal.SIGTERM, 3),
    "is killed": (signal.SIGKILL, -signal.SIGKILL),
}


def prove(*, full: bool) -> Iterator[Result]:
    """End threads and processes."""
    random.seed(SEED)
    with promotes() as scene, ExitStack() as stack:
        yield _hit(scene, full=full)
        yield from _end(scene, stack, full=full)


def _hit(scene: Promotes, *, full: bool) -> Result:
    """Let another program hit its own client's thread, and take in what it tells."""
    command = [
        sys.executable,
        "-m",
        "faults.thread_interrupts",
        scene.proxy.url,
        scene.token,
        str(scene.folder),
    ]
    command += [str(SLACK[full]), str(HITS[full])]
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, check=False, timeout=OUT_SECONDS
    )
    rate_of = time.monotonic() - begun
    what = "exceptions in the thread that keeps fresh"
    if done.returncode or done.stderr:
        return Result(what, HITS[full], wrong=1, note=done.stderr[-300:])
    told = json.loads(done.stdout)
    counts: Counter[str] = Counter(told["counts"])
    wrong = counts["errors"] + counts["wrong"] + counts["threads"] + counts["slow to close"]
    wrong += _torn(scene.folder / "snapshots") + (told["files"] > FILES)
    note = f"{counts['gets']} gets, in {len(told['places'])} places, fresh after {told['slowest']} s"
    rate = counts["gets"] / rate_of
    void = "" if wrong or counts["late"] or rate >= GETS_A_SECOND else f"{rate:.0f} gets a second only"
    result = Result(what, counts["hits"], wrong=wrong, stale=counts["late"], note=note, void=void)
    return result if result.verdict == "broken" else at_least(result, HITS[full])


@dataclass(frozen=True, slots=True)
class Ending:
    """How one process ended.

    Attributes:
        took: seconds.
        complaint: what it said or did that it must not have.
    """

    took: float
    complaint: str


def _end(scene: Promotes, stack: ExitStack, *, full: bool) -> Iterator[Result]:
    """End processes in every way, before a registry that is well, hangs, or is gone."""
    urls = {"": scene.proxy.url}
    for kind, fault in ((", registry hanging", BLACK_HOLE), (", registry gone", SHUT)):
        proxy = stack.enter_context(Proxy(scene.proxy.port))
        proxy.set(fault)
        urls[kind] = proxy.url
    cases = list(product(range(ROUNDS[full]), WAYS, urls))
    random.shuffle(cases)
    cases = list(islice(cases, ENDINGS[full]))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        endings = list(pool.map(lambda case: _one(scene, case[1], urls[case[2]]), cases))
    for way in WAYS:
        of_it = [ending for ending, case in zip(endings, cases, strict=True) if case[1] == way]
        if of_it:
            yield _result(f"a process {way}", of_it, END_SECONDS + SLACK[full])


def _result(what: str, endings: list[Ending], bound: float) -> Result:
    slowest = max(ending.took for ending in endings)
    complaints = [ending.complaint for ending in endings if ending.complaint]
    return Result(
        what,
        len(endings),
        wrong=len(complaints),
        stale=sum(ending.took > bound for ending in endings),
        note=f"{complaints[0][-300:]}" if complaints else f"{slowest:.2f} s at most",
    )


def _one(scene: Promotes, way: str, url: str) -> Ending:
    number, code = WAYS[way]
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "faults.ending", url, scene.token, folder, way]
        with subprocess.Popen(
            command, cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            process.stdout.readline()
            begun = time.monotonic()
            if number:
                time.sleep(random.uniform(0, BUSY_SECONDS))
                begun = time.monotonic()
                process.send_signal(number)
            _, complaint = process.communicate(timeout=OUT_SECONDS)
            took = time.monotonic() - begun
        if process.returncode != code:
            complaint += f"{way}: {process.returncode} instead of {code}"
        if _torn(Path(folder)):
            complaint += f"{way}: a snapshot is torn"
        return Ending(took, complaint)


def _torn(folder: Path) -> int:
    """How many snapshots cannot be read."""
    return sum(not _is_whole(file) for file in folder.rglob("*.json"))


def _is_whole(file: Path) -> bool:
    name, _, version = file.stem.replace("%2F", "/").partition("@")
    try:
        data = file.read_bytes()
        if version:
            read_version((name, version), data)
        else:
            parse_release(json.loads(data))
    except ValueError:
        return False
    return True
