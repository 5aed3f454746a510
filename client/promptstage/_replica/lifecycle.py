"""Tell the objects of a process about forks, its exit, and threads that have stopped."""

from __future__ import annotations

import atexit
import mmap
import os
import sys
from contextlib import suppress
from ctypes import c_ubyte
from math import inf
from typing import Protocol
from weakref import WeakValueDictionary

from promptstage import limits
from promptstage.clock import uptime

_WIPE_ON_FORK = 18  # MADV_WIPEONFORK of Linux 4.14, which mmap has no name for


class Living(Protocol):
    """Something with threads and sockets."""

    def reset(self) -> None:
        """In a forked child: only the forking thread is here, and the sockets are the parent's."""

    def follow(self) -> None:
        """In a forked child, after all are reset, or where no thread could be started: go on."""

    def close(self) -> None:
        """The interpreter ends: save what is left, which is what a short job's next run has."""


def _flag() -> c_ubyte:
    """A byte, true unless it is 0, that the kernel sets to 0 in a forked child, where it can."""
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    page = mmap.mmap(-1, mmap.PAGESIZE, **private)
    with suppress(AttributeError, OSError):
        page.madvise(_WIPE_ON_FORK)
    return c_ubyte.from_buffer(page)


followed = _flag()
"""False where a client's thread is known to be lost; then `ensure_followed` is due.

Some servers fork without telling Python, as uWSGI does. To ask for the process id at each `get` costs more
than `get` itself; to look at this byte costs next to nothing.
"""
followed.value = 1

_living: WeakValueDictionary[int, Living] = WeakValueDictionary()
_process = {os.getpid(): object()}  # the one that clients were last started in
_failed_at: float | None = None


def forks_later() -> bool:
    """Whether this is the first process of uWSGI, before it forks its workers.

    It does not hold threads back while it forks: one that has the interpreter in that moment leaves the
    worker waiting for it for ever. So no thread of ours is started there.
    """
    uwsgi = sys.modules.get("uwsgi")  # which is in uWSGI alone
    if uwsgi is None:
        return False
    try:
        return uwsgi.worker_id() == uwsgi.mule_id() == 0 and uwsgi.masterpid() in {0, os.getpid()}
    except AttributeError:  # another module of that name
        return False


def register(one: Living) -> None:
    """Tell it of forks and of the end, as long as it lives."""
    _living[id(one)] = one


def lose(*, retry_at_once: bool = False) -> None:
    """Take note that a thread was not started; `get` has it tried again, usually now and then."""
    global _failed_at  # noqa: PLW0603 - of this process
    _failed_at = -inf if retry_at_once else uptime()
    followed.value = 0


def ensure_followed() -> None:
    """Where a thread is lost, find out why, and start it again."""
    global _failed_at
    if followed:
        return
    if _is_new():
        _start_again()
        import logging  # noqa: PLC0415 - as late as replica.py, which imports it, is imported itself

        logging.getLogger("promptstage").warning(
            "process %d was forked without telling Python, so its prompts were not kept fresh until now; "
            "with uWSGI set py-call-uwsgi-fork-hooks and enable-threads, or lazy-apps",
            os.getpid(),
        )
    elif _failed_at is not None and uptime() - _failed_at > limits.ATTEMPT_SPACING:
        followed.value, _failed_at = 1, None
        for one in _all():
            one.follow()


def _is_new() -> bool:
    """Tell one thread of a new process, once, that it is another one than before."""
    global _process  # noqa: PLW0603 - swapped as a whole
    before, pid, me = _process, os.getpid(), object()
    if before.setdefault(pid, me) is not me:
        return False
    _process = {pid: me}  # without its ancestors: the numbers of processes come back
    return True


def _start_again() -> None:
    followed.value = 1
    living = _all()
    for one in living:
        one.reset()
    for one in living:
        one.follow()


def _after_fork() -> None:
    if _is_new():
        _start_again()


def _all() -> list[Living]:
    """In one step, for at the end other threads may still make some."""
    return [one for reference in _living.valuerefs() if (one := reference())]


def _at_exit() -> None:
    if _is_new():  # forked without a word, and never asked since: the threads and locks are the parent's
        return
    for one in _all():
        one.close()


atexit.register(_at_exit)

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
