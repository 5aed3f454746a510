"""Evidence as it is shown."""

from __future__ import annotations

from registry.console import rollout
from registry.evidence import ledger
from registry.evidence.assessment import weigh
from registry.rollouts.guard import Constant, Guard
from registry.wording import evidence


def test_a_mean_of_which_nothing_was_counted_can_be_shown() -> None:
    """As soon as a rollout begins that its cost guards: it is a dash, on a page and in a terminal."""
    guard = Guard(
        metrics=("cost",), tolerance={"cost": 0.05}, constants={"cost": Constant(value=1.0, cap=9.0)}
    )
    (judged,) = weigh(guard, ledger.nothing(("cost",)).counts).judged
    metric = judged.to_json(0.0)

    assert evidence.total(metric["steps"], "canary")["n"] == 0
    assert rollout._metric(metric)["arms"] == {"canary": "-", "control": "-"}
