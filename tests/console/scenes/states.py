"""What is in force: states of a prompt in the shapes of the API."""

from __future__ import annotations

from console.documented_api import STATE

from registry.api.docs import examples

FLAT = {**STATE, "rollout": None, "previous": {**STATE["stable"], "version": "1.1.0"}}
ASKED = {**FLAT, "awaiting_approval": examples.AWAITING}
NOTHING = {**STATE, "stable": None, "rollout": None, "awaiting_approval": examples.AWAITING}
PAUSED = {
    **STATE,
    "rollout": {**STATE["rollout"], "state": "paused", "advances_at": None, "guard": examples.GUARD},
}
GUARDED = {**STATE, "rollout": {**STATE["rollout"], "guard": examples.GUARD}}
GUARD_ACT = {
    **examples.HISTORY["data"][0],
    "actor": "guard",
    "op": "rollback",
    "from": "1.3.0",
    "to": "1.2.0",
    "newer": 1,
    "evidence": {"errors": {"e": 80.0}},
}
