"""What lives in a process and has to know when it forks or ends."""

from __future__ import annotations

import atexit
import os
from typing import Protocol
from weakref import WeakValueDictionary


class Living(Protocol):
    """Something with threads and sockets."""

    def reset(self) -> None:
        """In a forked child: only the forking thread is here, and the sockets are the parent's."""

    def follow(self) -> None:
        """In a forked child, after all are reset: go on."""

    def close(self) -> None:
        """The interpreter ends: save what is left, which is what a short job's next run has."""


_living: WeakValueDictionary[int, Living] = WeakValueDictionary()


def tell(one: Living) -> None:
    """Tell it of forks and of the end, as long as it lives."""
    _living[id(one)] = one


def _all() -> list[Living]:
    """In one step, for at the end other threads may still make some."""
    return [one for reference in _living.valuerefs() if (one := reference())]


def _after_fork() -> None:
    living = _all()
    for one in living:
        one.reset()
    for one in living:
        one.follow()


def _at_exit() -> None:
    for one in _all():
        one.close()


atexit.register(_at_exit)

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
