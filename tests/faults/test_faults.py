"""Every proof in short; `make faults` runs them in full."""

from __future__ import annotations

import pytest
from faults.proofs import PROOFS, prove


@pytest.mark.parametrize("name", PROOFS)
def test_the_promise_holds(name: str) -> None:
    """Nothing is lost, wrong or stale, and enough happened to say so."""
    results = list(prove(name, full=False))

    assert results
    assert [result for result in results if result.verdict != "held"] == []
