"""Every proof in short; `make faults` runs them in full."""

from __future__ import annotations

import pytest
from faults.scenarios import PROOFS, prove
from support import collect_garbage

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PROOFS)
def test_the_promise_holds(name: str) -> None:
    """Nothing is lost, wrong or stale; where too little happened, or a tool is missing, that is not said."""
    collect_garbage()  # of other tests, or what they left open would be found within a proof
    results = list(prove(name, full=False))

    assert results
    assert [result for result in results if result.verdict == "broken"] == []
    if void := [f"{result.what}: {result.void}" for result in results if result.verdict == "void"]:
        pytest.skip("; ".join(void))
