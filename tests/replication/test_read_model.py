"""What a process knows only ever becomes newer."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread
from typing import Any, cast

from registry.replication.read_model import ReadModel
from registry.rollouts.position import Position
from registry.rollouts.state import PLANS, Rollout, State, VersionRef


def state(prompt: int, seq: int) -> State:
    """A state that is told from others by its number."""
    return State(environment="production", prompt=f"p{prompt}", epoch=1, seq=seq)


def test_two_who_adopt_at_once_lose_nothing() -> None:
    """A thread with many old states does not undo what another adopted meanwhile."""
    for _ in range(20):
        read_model = ReadModel(cast("Any", None))
        old = [state(prompt, 1) for prompt in range(500)]
        threads = [
            Thread(target=read_model.adopt, args=((1, 1), old)),
            *(Thread(target=read_model.adopt, args=((1, seq), [state(seq, seq)])) for seq in range(2, 30)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert all(
            found.seq == seq for seq in range(2, 30) if (found := read_model.state("production", f"p{seq}"))
        )
        assert read_model.head == (1, 29)


def test_an_older_state_is_passed_over() -> None:
    """Whatever the order in which states arrive."""
    read_model = ReadModel(cast("Any", None))
    read_model.adopt(Position(1, 5), [state(1, 5)])
    read_model.adopt(Position(1, 4), [state(1, 4)])

    assert (read_model.head, read_model.states()[0].seq) == ((1, 5), 5)


def test_what_changed_since() -> None:
    """The states after a position are found from the newest on, in whatever order they were told."""
    read_model = ReadModel(cast("Any", None))
    read_model.adopt(Position(1, 3), [state(3, 3), state(1, 1), state(2, 2)])
    read_model.adopt(Position(1, 6), [state(1, 6)])
    read_model.adopt(Position(1, 5), [state(5, 5), state(4, 4), state(1, 5)])

    assert [found.seq for found in read_model.since(Position(1, 2))] == [6, 5, 4, 3]
    assert [found.prompt for found in read_model.since(Position(0, 0))] == ["p1", "p5", "p4", "p3", "p2"]
    assert read_model.since(Position(1, 6)) == []


def test_a_state_of_the_future_gives_way_to_a_recovered_one() -> None:
    """One by one, as the changes of a recovery come in; and never the other way."""
    read_model, far = ReadModel(cast("Any", None)), 2**33
    ahead = [State(environment="production", prompt=f"p{n}", epoch=far, seq=n) for n in (1, 2)]
    read_model.adopt(Position(far, 2), ahead)
    read_model.adopt(Position(9, 3), [State(environment="production", prompt="p1", epoch=9, seq=3)])
    between = [found.position for found in read_model.since(Position(0, 0))]
    read_model.adopt(Position(9, 4), [State(environment="production", prompt="p2", epoch=9, seq=4), *ahead])

    assert between == [(9, 3), (far, 2)]
    assert [found.position for found in read_model.states()] == [(9, 3), (9, 4)]
    assert (read_model.head, read_model.newest) == ((9, 4), (9, 4))


def test_what_is_under_way() -> None:
    """A rollout is found without a look at all states, until it ends."""
    read_model = ReadModel(cast("Any", None))
    ref = VersionRef(version="1.0.0", digest="sha256:0", commit="c0ffee")
    rollout = Rollout(
        id="r-1", salt="s", state="running", candidate=ref, steps=PLANS["fast"], step=0,
        entered_at=datetime.now(UTC),
    )  # fmt: skip
    read_model.adopt(Position(1, 2), [state(1, 1), state(2, 2).model_copy(update={"rollout": rollout})])
    found = read_model.under_way()
    read_model.adopt(Position(1, 3), [state(2, 3)])

    assert ([each.prompt for each in found], read_model.under_way()) == (["p2"], [])
