"""The programs that measure peers: what can't be measured says so, and who doesn't work isn't measured."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from bench.peer import turns
from bench.peer.program import Program
from bench.peer.turns import PROMPT, RENDER, SPLIT, Work


def got_ready(name: str, python: str, folder: Path) -> Program:
    """A program that was started, did everything once, and has ended."""
    with ExitStack() as stack:
        program = Program(name, Path(python), folder / name, stack)
        program.get_ready()
        for kind in (PROMPT, SPLIT, RENDER):
            program.take_turn(kind)
    return program


def test_our_own_program(tmp_path: Path) -> None:
    """Our own client does each kind of work, and so does the floor."""
    program = got_ready("ours", sys.executable, tmp_path)
    assert program.problem == ""
    assert {PROMPT, SPLIT, RENDER} == {kind for kind, _ in program.works.values()}
    assert all(samples[0] > 0 for samples in program.samples.values())


def test_a_peer_that_is_not_installed(tmp_path: Path) -> None:
    """A peer that can't be imported says so, and is no error."""
    program = got_ready("growthbook", sys.executable, tmp_path)
    assert program.problem == "ModuleNotFoundError: No module named 'growthbook'"
    assert program.samples == {}


def test_a_program_that_ends(tmp_path: Path) -> None:
    """A program that ends without a word is a problem, and no error."""
    program = got_ready("growthbook", "/bin/false", tmp_path)
    assert "its program ended" in program.problem
    assert program.problem.endswith("it said nothing")


def test_a_program_that_is_killed_at_work(tmp_path: Path) -> None:
    """A program that ends between two turns is a problem, and no error."""
    with ExitStack() as stack:
        program = Program("ours", Path(sys.executable), tmp_path / "ours", stack)
        program.get_ready()
        program._process.kill()
        program._process.wait()
        program.take_turn(PROMPT)
    assert "its program ended" in program.problem


@pytest.mark.parametrize(
    "work",
    [
        Work(PROMPT, lambda _: None, ""),
        Work(SPLIT, lambda _: "1.0.0", ""),
        Work(SPLIT, lambda key: int(key[-1]) % 2, ""),
        Work(RENDER, lambda _: turns.TEXT, ""),
    ],
    ids=["no prompt", "no split", "half, not a tenth", "not rendered"],
)
def test_work_that_is_not_done(work: Work) -> None:
    """Who answers without doing the work is refused: it would seem fast."""
    with pytest.raises(AssertionError):
        turns._check(work)
