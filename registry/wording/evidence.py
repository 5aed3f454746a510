"""The evidence of a rollout, as the command line and the console show it."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.evidence.measured import ARMS
from registry.wording import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptstage.model import Json
    from registry.wording.reads import Reads

NOTHING = ("units", "bad", "n", "sum")  # of a metric of which nothing was counted, be it a ratio or a mean
LEAST = 1e-9  # of E: a logarithm needs more than nothing


def of(registry: Reads, state: Json) -> Json | None:
    """Ask what is known of the rollout under way, for `describe.evidence`; None: nothing is."""
    if not state["rollout"]:
        return None
    try:
        found = registry.get(paths.evidence_path(state["environment"], state["prompt"]), "verdict")
    except RegistryError:  # the rollout is shown all the same
        found = None
    return judged(state, found)


def judged(state: Json, found: Json | None) -> Json | None:
    """Return the evidence of a rollout under way in the form that `describe.evidence` takes.

    Args:
        state: what is in force.
        found: the evidence as the API has it; None: it could not be read, which holds a guarded rollout.
    """
    guard = state["rollout"].get("guard")
    if not guard:
        return found
    if found is None:
        return {"verdict": "-", "waiting": {"for": "database"}}
    units = [sum(step[arm] for step in found["exposed"]) for arm in ARMS]
    return {**found, "units": min(units), "minimum": guard["minimum"]}


def total(steps: Sequence[Json], arm: str) -> Json:
    """Return what an arm has of a metric over all steps, in the form of one step."""
    keys = steps[0][arm] if steps else NOTHING
    return {key: sum(step[arm][key] for step in steps) for key in keys}


def strength(e: float, threshold: float) -> float:
    """Return how far evidence is on a logarithmic scale, from 0 (nothing, E = 1) to 1 (the threshold)."""
    return max(0.0, min(1.0, log(max(e, LEAST)) / log(threshold)))
