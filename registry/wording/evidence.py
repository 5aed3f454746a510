"""The evidence of a rollout, as the command line and the console show it."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.evidence.measured import ARMS
from registry.wording import paths
from registry.wording.describe import NONE
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptstage.model import Json
    from registry.wording.reads import Reads

LEAST = 1e-9  # of E: a logarithm needs more than nothing


def of(registry: Reads, state: Json) -> Json | None:
    """Ask what is known of a guarded rollout, for `describe.evidence`; None: it has no guard."""
    if not _guard(state):
        return None
    try:
        found = registry.get(paths.evidence_path(state["environment"], state["prompt"]), "verdict")
    except RegistryError:  # the rollout is shown all the same
        found = None
    return judged(state, found)


def judged(state: Json, found: Json | None) -> Json | None:
    """Return the evidence of a guarded rollout in the form that `describe.evidence` takes.

    Args:
        state: what is in force; without a guard the answer is None.
        found: the evidence as the API has it; None: it could not be read.
    """
    guard = _guard(state)
    if not guard:
        return None
    if found is None:
        return {"verdict": "-", "waiting": {"for": "database"}}
    units = [sum(step[arm] for step in found["exposed"]) for arm in ARMS]
    return {**found, "units": min(units), "minimum": guard["minimum"]}


def unguarded(found: Json | None) -> str:
    """Say what the counts of a rollout without a guard show, in a cell; nothing acts on them."""
    metrics = found["metrics"] if found else ()
    harmful = [clean(metric["name"]) for metric in metrics if metric["e"] >= metric["threshold"]]
    return f"harm in {', '.join(harmful)}, and no guard acts on it" if harmful else NONE


def total(steps: Sequence[Json], arm: str) -> Json:
    """Return what an arm has of a metric over all steps, in the form of one step."""
    keys = steps[0][arm] if steps else {"units": 0, "bad": 0}
    return {key: sum(step[arm][key] for step in steps) for key in keys}


def strength(e: float, threshold: float) -> float:
    """Return how far evidence is on a logarithmic scale, from 0 (nothing, E = 1) to 1 (the threshold)."""
    return max(0.0, min(1.0, log(max(e, LEAST)) / log(threshold)))


def _guard(state: Json) -> Json | None:
    guard: Json | None = (state["rollout"] or {}).get("guard")
    return guard
