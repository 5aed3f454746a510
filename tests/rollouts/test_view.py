"""What a process knows only ever becomes newer."""

from __future__ import annotations

from threading import Thread
from typing import Any, cast

from registry.rollouts.state import State
from registry.rollouts.view import View


def state(prompt: int, seq: int) -> State:
    """A state that is told from others by its number."""
    return State(environment="production", prompt=f"p{prompt}", epoch=1, seq=seq)


def test_two_who_adopt_at_once_lose_nothing() -> None:
    """A thread with many old states does not undo what another adopted meanwhile."""
    for _ in range(20):
        view = View(cast("Any", None))
        old = [state(prompt, 1) for prompt in range(500)]
        threads = [
            Thread(target=view.adopt, args=((1, 1), old)),
            *(Thread(target=view.adopt, args=((1, seq), [state(seq, seq)])) for seq in range(2, 30)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert all(found.seq == seq for seq in range(2, 30) if (found := view.state("production", f"p{seq}")))
        assert view.head == (1, 29)


def test_an_older_state_is_passed_over() -> None:
    """Whatever the order in which states arrive."""
    view = View(cast("Any", None))
    view.adopt((1, 5), [state(1, 5)])
    view.adopt((1, 4), [state(1, 4)])

    assert (view.head, view.states()[0].seq) == ((1, 5), 5)
