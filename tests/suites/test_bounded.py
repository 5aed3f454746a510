"""Checks that may take for ever, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support import until

from registry.suites.checks import bounded
from registry.suites.checks.check import Answer, Check, Verdict
from registry.suites.checks.judge import judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

EXPLODING = Check("regex", "^(a|aa)+$")
DOUBLING: dict[str, Any] = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}},
}


@pytest.fixture(autouse=True)
def few_workers() -> Iterator[None]:
    """None of another test, and none that stays."""
    bounded.close()
    yield
    bounded.close()


def verdict(check: Check, text: str) -> Verdict:
    """The verdict on a text."""
    return judge(check, Answer(text), vars={}, rubric=None)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (EXPLODING, "a" * 90 + "b"),
        (Check("is-json", {"properties": {"a": {"pattern": "^(a|aa)+$"}}}), f'{{"a": "{"a" * 90}b"}}'),
        (Check("is-json", {"patternProperties": {"^(a|aa)+$": {}}}), f'{{"{"a" * 90}b": 1}}'),
        (Check("is-json", DOUBLING), "{}"),
        (Check("contains-json"), "{" * 1_000_000),
        (Check("levenshtein", "ab" * 400_000), "ba" * 400_000),
    ],
    ids=["pattern", "schema with a pattern", "names by a pattern", "a schema that doubles", "braces", "long"],
)
def test_what_explodes_is_stopped(check: Check, text: str) -> None:
    """It is broken, so it has not passed, and its negation neither."""
    found = verdict(check, text)

    assert (found.passed, found.broken) == (False, True)
    assert found.reason == f"{check.type} took more than 2 s, so it was stopped; simplify its value"


def test_a_worker_is_kept() -> None:
    """One serves all checks of a thread."""
    for _ in range(3):
        assert verdict(Check("regex", "a+"), "aaa").passed

    assert len(bounded._idle) == 1


def test_many_threads() -> None:
    """Each gets its own answer, whatever the others wait for."""
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda n: verdict(Check("regex", f"^{n}$"), str(n - n % 2)).passed, range(200))

    assert list(found) == [n % 2 == 0 for n in range(200)]


def test_a_worker_that_was_killed_is_replaced() -> None:
    """While it waited: nobody notices."""
    assert verdict(Check("regex", "a"), "a").passed
    (worker,) = bounded._idle
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    assert verdict(Check("regex", "a"), "a").passed


def test_a_schema_that_is_not_there() -> None:
    """A reference out of it is not followed, however it got past the check."""
    found = verdict(Check("is-json", {"$ref": "https://example.org/schema.json"}), "{}")

    assert not found.passed
    assert "is not in it and is not fetched" in found.reason


def test_workers_end_with_their_parent() -> None:
    """Also if it is killed."""
    code = (
        "import os, time; from registry.suites.checks import bounded;"
        "bounded.said('regex', 'a', 'a', None, None);"
        "print(bounded._idle[0].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        parent.kill()

    def is_gone() -> bool:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return True
        return b"\0" not in _command(worker)  # a zombie, where nobody waits for orphans

    until(is_gone, "the end of the worker")


def _command(process: int) -> bytes:
    with open(f"/proc/{process}/cmdline", "rb") as file:  # noqa: PTH123 - a file of the kernel
        return file.read()
