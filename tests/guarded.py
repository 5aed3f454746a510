"""A guarded rollout of a registry, and the apps that report its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from outcomes_in import now, record

if TYPE_CHECKING:
    from support import Api

LATE = 130_000  # milliseconds: calls count 120 s after their start while the latency of stable is not known


class Guarded:
    """A rollout from 1.0.0 to 1.1.0, and the apps that report its calls."""

    def __init__(self, api: Api, environment: str, steps: list[dict[str, Any]], guard: Any = True) -> None:
        self._api = api
        self._environment = environment
        self.path = f"/v1/environments/{environment}"
        assert api.act("promote", "summarize", {"version": "1.0.0"}, environment).status == 200
        body = {"version": "1.1.0", "steps": steps, "guard": guard}
        started = api.act("start", "summarize", body, environment)
        assert started.status == 200, started.text
        self.rollout = started.json["state"]["rollout"]["id"]
        self.seq = started.json["seq"]

    def connect(self, api: Api) -> None:
        """Go on at another registry, or at the same one after a restart."""
        self._api = api

    def report(
        self,
        many: int,
        *,
        canary_bad: int = 0,
        control_bad: int = 0,
        arms: tuple[str, ...] = ("canary", "control"),
        **known: Any,
    ) -> None:
        """Report calls of so many units of each arm, of which some fail."""
        plans = {"canary": ("1.1.0", 0, canary_bad), "control": ("1.0.0", 1, control_bad)}
        calls = [
            record(
                now() - LATE,
                rollout=self.rollout,
                reason="SPLIT",
                seq=self.seq,
                arm=arm,
                version=version,
                unit=f"{(1 << 64) - 1 - number if side else number:016x}",
                error="Timeout" if number < bad else None,
                **known,
            )
            for arm, (version, side, bad) in plans.items()
            if arm in arms
            for number in range(many)
        ]
        sent = self._api.call("POST", f"{self.path}/calls", {"batch": str(uuid4()), "calls": calls})
        assert sent.json["accepted"] == len(calls), sent.text

    @property
    def state(self) -> Any:
        """What is in force."""
        return self._api.state("summarize", self._environment)

    @property
    def evidence(self) -> Any:
        """What the registry says of the rollout."""
        return self._api.get(f"{self.path}/evidence/summarize?rollout={self.rollout}").json

    @property
    def recounted(self) -> Any:
        """The same, with all units added up again."""
        return self._api.get(f"{self.path}/evidence/summarize?recount=true&rollout={self.rollout}").json

    def act(self, op: str) -> Any:
        """Change it."""
        return self._api.act(op, "summarize", {}, self._environment)

    @property
    def history(self) -> list[Any]:
        """The changes, newest first."""
        data: list[Any] = self._api.get(f"{self.path}/rollouts/summarize/history").json["data"]
        return data

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Who changed what, newest first."""
        return [(change["actor"], change["op"]) for change in self.history]


STAYS: list[dict[str, Any]] = [{"percent": 50}, {"percent": 100}]
HOLDS: list[dict[str, Any]] = [{"percent": 50, "hold": "1s"}, {"percent": 100}]
