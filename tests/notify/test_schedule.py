"""When a message is sent: in order, again after a failure, past one that keeps failing."""

from __future__ import annotations

import pytest

from registry.notify.schedule import DAY_SECONDS, Pending, is_lost, pause, pick

NOW = 1_000_000.0


def waiting(place: int, due: float = 0.0, since: float | None = None) -> Pending:
    """A message; times relative to now."""
    return Pending(place, 0 if since is None else 1, NOW + due, None if since is None else NOW + since)


@pytest.mark.parametrize(
    ("queue", "place"),
    [
        ([], None),
        ([waiting(1), waiting(2)], 1),
        ([waiting(1, due=10, since=-5), waiting(2)], None),
        ([waiting(1, due=0, since=-5), waiting(2)], 1),
        ([waiting(1, due=10, since=-299), waiting(2)], None),
        ([waiting(1, due=10, since=-300), waiting(2)], 2),
        ([waiting(1, due=10, since=-300), waiting(2, due=10, since=-300), waiting(3)], 3),
        ([waiting(1, due=10, since=-300), waiting(2, due=3, since=-20), waiting(3)], None),
        ([waiting(1, due=0, since=-4000), waiting(2)], 1),
    ],
)
def test_the_next_message(queue: list[Pending], place: int | None) -> None:
    """The first that is due; one that waits holds the others up, but for no longer than five minutes."""
    found = pick(queue, NOW)

    assert (found and found.place) == place


def test_pauses_grow() -> None:
    """Up to a quarter of an hour; a receiver may ask for longer ones within that."""
    assert [pause(tries) for tries in (1, 2, 3, 8, 9, 1000)] == [5, 10, 20, 640, 900, 900]
    assert [pause(1, asked) for asked in (1.0, 60.0, 86_400.0)] == [5, 60, 900]


def test_a_message_is_tried_for_a_day() -> None:
    """Then it is lost."""
    assert [is_lost(NOW - DAY_SECONDS + 1, NOW), is_lost(NOW - DAY_SECONDS, NOW)] == [False, True]
