"""Ten minutes in which nobody takes reports, while an application makes 50 calls a second."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from client.fake_registry import BLACK_HOLE, NORMAL, FakeRegistry, release
from faults.scenario import Result

from promptstage import limits
from promptstage.evaluation import BUCKETS, bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Strike = Callable[[FakeRegistry], Callable[[], None]]

CALLS = 10 * 60 * 50  # of the outage
RATE = 1500  # calls a second: time is shorter by `PACE`
PACE = 50 / RATE
FIRST = 500  # calls before it
MEASURED = 20  # percent of them: those have a start record, too
MEMORY = 10 << 20
WAIT = 0.25  # seconds that no call may take: an exchange that it waited for would take longer
TESTS = Path(__file__).parents[1]


def prove(*, full: bool) -> Iterator[Result]:
    """Let the registry be away in three ways, and count what comes in afterwards."""
    ways: dict[str, Strike] = {
        "no answer to reports": _silent,
        "reports are answered 503": _answering(503),
        "reports are answered 500": _answering(500),
    }
    for what, strike in ways.items():
        yield _outage(what, strike, CALLS if full else CALLS // 5)


def _outage(what: str, strike: Strike, count: int) -> Result:
    registry = FakeRegistry()
    registry.publish(release("rolling", candidate="1.3.0", percent=MEASURED / 2))
    try:
        with TemporaryDirectory() as folder, _app(registry.url, folder) as tell:
            tell(f"calls {FIRST} {RATE}")
            tell("settle")
            heal = strike(registry)
            during = tell(f"calls {count} {RATE}")
            heal()
            after = tell("settle")
        taken = registry.recorded()
    finally:
        registry.stop()
    return _judged(what, count, during, after, taken)


def _judged(
    what: str, count: int, during: dict[str, Any], after: dict[str, Any], taken: list[dict[str, Any]]
) -> Result:
    made = FIRST + count
    distinct = {(record["id"], record.get("started")) for record in taken}
    # Each call, and each start of a measured one, was taken once, or counted as let go.
    expected = made + _measured(FIRST) + _measured(count)
    unaccounted = abs(expected - len(taken) - after["dropped"])
    too_large = during["grown"] > MEMORY or during["bytes"] > limits.QUEUE_BYTES
    waited = during["longest"] > WAIT
    note = (
        f"longest call {during['longest'] * 1000:.0f} ms, {during['grown'] / 2**20:.1f} MiB more, "
        f"{after['dropped']} dropped, {len(taken)} taken"
    )
    void = "" if during["state"] == "backing off" or during["sent"] < made else "nothing was away"
    return Result(
        what,
        count,
        lost=unaccounted + len(taken) - len(distinct),
        wrong=during["errors"] + too_large,
        stale=int(waited),
        note=note,
        void=void,
    )


def _measured(count: int) -> int:
    """How many of so many calls have a start record: those of the first and the last buckets."""
    edge = MEASURED * BUCKETS // 200
    buckets = [bucket("salt", f"user-{number}") for number in range(count)]
    return sum(place < edge or place >= BUCKETS - edge for place in buckets)


@contextmanager
def _app(url: str, folder: str) -> Iterator[Callable[[str], dict[str, Any]]]:
    """An application in a process of its own, which is told what to do."""
    command = [sys.executable, "-m", "faults.reporting_app", url, folder, str(PACE)]
    with subprocess.Popen(
        command,
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def tell(said: str) -> dict[str, Any]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{said}\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        try:
            yield tell
        finally:
            process.communicate()


def _silent(registry: FakeRegistry) -> Callable[[], None]:
    registry.mode = BLACK_HOLE

    def heal() -> None:
        registry.mode = NORMAL

    return heal


def _answering(status: int) -> Strike:
    def strike(registry: FakeRegistry) -> Callable[[], None]:
        registry.report_status = status

        def heal() -> None:
            registry.report_status = 200

        return heal

    return strike
