"""PostgreSQL fails over, is cut off, or is slow: reports are refused in time, and count once afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import postgres_server
import pytest
from faults.proxy import BLACK_HOLE, PASS, Fault
from outcomes_in import Desk, record
from postgres_pair import Pair

from registry.errors import Unavailable
from registry.system import work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ANSWERED = (
    4.0  # seconds in which a request of half a second is refused, on a busy machine: connecting takes two
)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two servers, if this machine has PostgreSQL."""
    if not postgres_server.is_there():
        pytest.skip("needs Debian's package postgresql")
    pair = Pair()
    yield pair
    pair.close()


@pytest.fixture
def desk(pair: Pair, tmp_path: Path) -> Iterator[Desk]:
    """Outcomes in the database behind the pair's address."""
    desk = Desk(tmp_path, pair.new_database())
    desk.send(record())
    yield desk
    desk.close()


def refused(desk: Desk, *calls: object, batch: str) -> Unavailable:
    """Report calls by a request that has half a second, and return the refusal."""
    begun = time.monotonic()
    token = work.current.set(work.Work(0.5))
    try:
        with pytest.raises(Unavailable) as error:
            desk.send(*calls, batch=batch)
    finally:
        work.current.reset(token)
    assert time.monotonic() - begun < ANSWERED
    return error.value


def test_a_primary_dies_and_its_standby_goes_on(pair: Pair, desk: Desk) -> None:
    """What was acknowledged is there, and what was not is sent again: by a batch that was folded, too."""
    folded, waiting, lost = str(uuid4()), str(uuid4()), str(uuid4())
    calls = [record(), record(), record()]
    desk.send(calls[0], batch=folded)
    desk.fold()
    desk.send(calls[1], batch=waiting)
    pair.primary.kill()
    pair.proxy.cut()
    assert refused(desk, calls[2], batch=lost).code == "outcomes_unavailable"
    pair.fail_over()

    for call, batch in zip(calls, (folded, waiting, lost), strict=True):
        desk.send(call, batch=batch)
        desk.send(call, batch=str(uuid4()))
    desk.fold()
    assert desk.total()["calls"] == 4


def test_an_answer_that_was_lost_with_the_primary(pair: Pair, desk: Desk) -> None:
    """The batch was committed and nobody knows; sent again to the new primary, it counts once."""
    sent, batch = record(), str(uuid4())
    pair.proxy.set(BLACK_HOLE)
    refused(desk, sent, batch=batch)
    pair.proxy.set(PASS)
    pair.fail_over()

    desk.send(sent, batch=batch)
    desk.fold()
    assert desk.total()["calls"] == 2


@pytest.mark.parametrize("fault", [BLACK_HOLE, Fault(delay=1.0)], ids=["cut off", "slow"])
def test_a_server_that_does_not_answer_in_time(pair: Pair, desk: Desk, fault: Fault) -> None:
    """A request waits no longer than its deadline, whether it has a connection or needs one."""
    sent, batch = record(), str(uuid4())
    pair.proxy.set(fault)
    for _ in range(2):
        assert refused(desk, sent, batch=batch).code in {"outcomes_unavailable", "deadline"}
    pair.proxy.set(PASS)

    desk.send(sent, batch=batch)
    desk.fold()
    assert desk.total()["calls"] == 2
    assert pair.proxy.struck


def test_a_slow_server_is_used(pair: Pair, desk: Desk) -> None:
    """As long as it answers in time."""
    pair.proxy.set(Fault(delay=0.02))
    desk.send(record())
    desk.fold()

    assert desk.total()["calls"] == 2
