"""Guarded rollouts over HTTP: calls are reported, and the guard acts, holds, and lets pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from outcomes_in import now, record
from support import until

from registry.api.docs.evidence import Evidence

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

    def act(self, op: str) -> Any:
        """Change it."""
        return self._api.act(op, "summarize", {}, self._environment)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Who changed what, newest first."""
        data = self._api.get(f"{self.path}/rollouts/summarize/history").json["data"]
        return [(change["actor"], change["op"]) for change in data]


STAYS: list[dict[str, Any]] = [{"percent": 50}, {"percent": 100}]
HOLDS: list[dict[str, Any]] = [{"percent": 50, "hold": "1s"}, {"percent": 100}]


def test_harm_is_rolled_back(api: Api, environment: str) -> None:
    """By the guard, once, with the numbers in the record of the change; they can be read afterwards."""
    guarded = Guarded(api, environment, STAYS)
    guarded.report(40, canary_bad=12)
    until(lambda: guarded.state["rollout"] is None, "the rollback")

    change = api.get(f"{guarded.path}/rollouts/summarize/history").json["data"][0]
    assert (change["actor"], change["op"], change["from"], change["to"]) == (
        "guard",
        "rollback",
        "1.1.0",
        "1.0.0",
    )
    assert change["reason"].startswith(
        "errors: 12 of 40 users of the candidate, 0 of 40 of the stable version"
    )
    (harm,) = change["evidence"]["harm"]
    assert (harm["name"], harm["steps"]) == ("errors", [[50, [40, 12], [40, 0]]])
    assert list(change["evidence"]["tokens"].values()) == [80]

    evidence = guarded.evidence
    Evidence.model_validate(evidence)
    assert (evidence["verdict"], evidence["harm"]) == ("harm", ["errors"])
    assert evidence["metrics"][0]["e"] == pytest.approx(harm["e"])
    guarded.report(40, canary_bad=12)
    assert guarded.changes[:2] == [("guard", "rollback"), ("admin", "start")]


def test_harm_is_paused_and_acknowledged(api: Api, environment: str) -> None:
    """Who resumes has seen it: the metric is shown, and no more acted on; another one is."""
    guard = {"on_harm": "pause", "metrics": ["errors", "flag:made_up"]}
    guarded = Guarded(api, environment, STAYS, guard)
    guarded.report(40, canary_bad=14)
    until(lambda: guarded.state["rollout"]["state"] == "paused", "the pause")
    assert guarded.act("resume").status == 200

    guarded.report(40, flags=["made_up"])
    until(lambda: guarded.evidence["metrics"][1]["steps"][0]["canary"]["bad"] == 40, "the flags")
    assert guarded.state["rollout"]["state"] == "running"
    assert (guarded.evidence["harm"], guarded.evidence["verdict"]) == ([], "collecting")
    assert guarded.changes[:3] == [("admin", "resume"), ("guard", "pause"), ("admin", "start")]


def test_a_step_waits_for_its_sample_and_then_advances(api: Api, environment: str) -> None:
    """Not before both arms have enough users, although its hold is over."""
    guarded = Guarded(api, environment, HOLDS, {"minimum": 30})
    guarded.report(20)
    waiting = until(lambda: guarded.evidence["waiting"], "what it waits for")
    assert waiting["for"] in {"sample", "data"}
    until(lambda: guarded.evidence["exposed"] == [{"percent": 50, "canary": 20, "control": 20}], "the calls")
    assert guarded.evidence["waiting"]["for"] == "sample"
    assert guarded.evidence["waiting"]["needs"] == 10
    assert guarded.state["stable"]["version"] == "1.0.0"

    guarded.report(40)
    until(lambda: guarded.state["stable"]["version"] == "1.1.0", "the advance")
    assert guarded.changes[0] == ("schedule", "advance")


def test_lost_reports_of_one_arm_hold_a_step(api: Api, environment: str) -> None:
    """Where samples do not match nothing is safe, and nothing goes forward."""
    guarded = Guarded(api, environment, HOLDS, {"minimum": 10})
    guarded.report(5)
    guarded.report(200, arms=("canary",))
    until(lambda: guarded.evidence["verdict"] == "srm", "the mismatch")

    assert until(lambda: guarded.evidence["waiting"], "the end of the hold") == {"for": "srm"}
    assert guarded.state["stable"]["version"] == "1.0.0"


def test_a_rollout_without_a_guard_is_counted(api: Api, environment: str) -> None:
    """For whoever compares by eye: both arms, and an interval; nothing is done about it."""
    guarded = Guarded(api, environment, STAYS, guard=False)
    guarded.report(40, canary_bad=20, control_bad=2)
    until(lambda: guarded.evidence["exposed"] == [{"percent": 50, "canary": 40, "control": 40}], "the calls")

    evidence = guarded.evidence
    Evidence.model_validate(evidence)
    assert (evidence["verdict"], evidence["harm"], evidence["guard"]) == ("off", [], None)
    assert evidence["metrics"][0]["ratio"] == 10.0
    assert guarded.state["rollout"]["id"] == guarded.rollout


def test_there_is_no_evidence_of_no_rollout(api: Api, environment: str) -> None:
    """And of no prompt; each says what is missing."""
    path = f"/v1/environments/{environment}/evidence"

    assert api.get(f"{path}/summarize").json["code"] == "no_rollout"
    assert api.get(f"{path}/nobody").json["code"] == "unknown_prompt"
    Guarded(api, environment, STAYS)
    assert api.get(f"{path}/summarize").json["verdict"] == "collecting"
    assert api.get(f"{path}/summarize?rollout=r-000000000000").json["code"] == "no_rollout"
