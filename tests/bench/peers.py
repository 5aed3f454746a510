"""What others cost for the same work, in the same run as our own client; measured with PEERS=1.

Each has an environment of its own, built once under ``.bench/peers``, and a program in `bench.peer` that its
own interpreter runs. The programs work in turns, so that what the machine does besides befalls all of them,
and count the time of the processor. A peer that can't be installed, or that doesn't work without its service,
is a row that says so. All are compared with our own client: a ratio of 3 is three times what we need.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.measure import Row, compared
from bench.peer.program import Program, Unusable
from bench.peer.turns import PROMPT, RENDER, SPLIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVIRONMENTS = Path(__file__).parents[2] / ".bench" / "peers"
TURNS = 15
INSTALL_SECONDS = 600  # the largest is 180 MB
NOTE_LENGTH = 160  # of a problem: its end is seldom worth a line of the table


class Peer(NamedTuple):
    """Somebody else's package.

    Attributes:
        name: of its program and of its environment.
        kinds: of work that it can do.
        pins: what is installed; the first is the peer itself.
    """

    name: str
    kinds: tuple[str, ...]
    pins: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the table calls it."""
        return self.pins[0].replace("==", " ")

    @property
    def folder(self) -> Path:
        """Its environment."""
        return ENVIRONMENTS / self.name

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.folder / "bin" / "python"


PEERS = (
    Peer("langfuse", (PROMPT, RENDER), ("langfuse==5.0.4",)),
    Peer("langsmith", (PROMPT, RENDER), ("langsmith==0.14.17", "langchain-core==1.7.2")),
    Peer("mlflow", (PROMPT, RENDER), ("mlflow-skinny==3.17.2", "sqlalchemy==2.1.9", "alembic==1.20.1")),
    Peer("promptlayer", (PROMPT, RENDER), ("promptlayer==1.5.16",)),
    Peer("growthbook", (SPLIT,), ("growthbook==4.0.0",)),
    Peer("launchdarkly", (SPLIT,), ("launchdarkly-server-sdk==9.18.2",)),
    Peer("unleash", (SPLIT,), ("UnleashClient==6.9.1",)),
    Peer("flagd", (SPLIT,), ("openfeature-provider-flagd==0.6.1", "openfeature-sdk==0.10.0")),
    Peer("flipt", (SPLIT,), ("flipt-client==1.4.5",)),
)
OURS = {
    PROMPT: "promptstage: get",
    SPLIT: "promptstage: get, a new key each",
    RENDER: "promptstage: messages",
}
"""Which work of our own the others of a kind are compared with."""


def measure() -> Iterator[Row]:
    """Our client and the peers, kind by kind."""
    with ThreadPoolExecutor(2) as pool:
        problems = dict(zip(PEERS, pool.map(_build, PEERS), strict=True))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ours = Program("ours", Path(sys.executable), Path(folder, "ours"), stack)
        peers = {
            peer: Program(peer.name, peer.python, Path(folder, peer.name), stack)
            for peer in PEERS
            if not problems[peer]
        }
        programs = (ours, *peers.values())
        for program in programs:
            program.get_ready()
        for kind in OURS:
            for _ in range(TURNS):
                for program in programs:
                    program.take_turn(kind)
    assert not ours.problem, ours.problem
    problems |= {peer: program.problem for peer, program in peers.items()}
    for kind in OURS:
        yield from _rows(kind, {"": ours} | {f"{peer.title}: ": peers[peer] for peer in peers})
        yield from (
            Row(peer.title, math.nan, "us", note=f"not measured: {problem[:NOTE_LENGTH]}")
            for peer, problem in problems.items()
            if problem and kind in peer.kinds
        )


def _rows(kind: str, programs: Mapping[str, Program]) -> Iterator[Row]:
    """The works of a kind, beside ours."""
    samples, notes = {}, {}
    for title, program in programs.items():
        for name, (its_kind, note) in program.works.items():
            if its_kind == kind and not program.problem:
                samples[title + name] = program.samples[name]
                notes[title + name] = note
    for row in compared(samples, OURS[kind], {}):
        yield replace(row, note=notes[row.work])


def _build(peer: Peer) -> str:
    """Make a peer's environment, unless it is there as it should be; give back why it can't be made."""
    built, wanted = peer.folder / ".built", "\n".join((sys.version, *peer.pins))
    if peer.python.exists() and built.exists() and built.read_text() == wanted:
        return ""
    sys.stderr.write(f"installing {' '.join(peer.pins)}\n")
    try:
        _run(sys.executable, "-m", "venv", "--clear", str(peer.folder))
        _run(str(peer.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.pins)
    except Unusable as error:
        return str(error)
    built.write_text(wanted)
    return ""


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        raise Unusable(lines[-1] if lines else f"status {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise Unusable(f"it can't be installed in {INSTALL_SECONDS} s") from error
