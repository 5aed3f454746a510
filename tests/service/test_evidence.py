"""Guarded rollouts over HTTP: calls are reported, and the guard acts, holds, and lets pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from guarded import HOLDS, STAYS, Guarded
from support import until

from registry.api.docs.evidence import Evidence

if TYPE_CHECKING:
    from support import Api


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
    path = f"{guarded.path}/evidence/summarize?over_time=true&rollout={guarded.rollout}"
    grown = api.get(path).json["over_time"]
    assert grown["e"]["errors"][-1] == pytest.approx(harm["e"])
    assert len(grown["times"]) == len(grown["e"]["errors"])
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


def test_a_step_with_hardly_a_call_stays(api: Api, environment: str) -> None:
    """Also in the moment in which its hold ends."""
    guarded = Guarded(api, environment, HOLDS)
    guarded.report(1)
    until(lambda: (guarded.evidence["waiting"] or {}).get("for") == "sample", "the end of the hold")

    guarded.report(3)
    until(lambda: guarded.evidence["exposed"] == [{"percent": 50, "canary": 3, "control": 3}], "the calls")
    assert guarded.changes[0] == ("admin", "start")  # it is looked at more often than calls are counted


def test_a_step_for_nobody_waits_for_nobody(api: Api, environment: str) -> None:
    """At 0 percent no user is measured, so it goes on when its hold is over."""
    guarded = Guarded(api, environment, [{"percent": 0, "hold": "1s"}, {"percent": 50}])
    guarded.report(1)  # some call, as nothing is judged where none was ever reported
    until(lambda: guarded.state["rollout"]["step"] == 1, "the advance")

    assert guarded.changes[0] == ("schedule", "advance")


def test_lost_reports_of_one_arm_hold_a_step(api: Api, environment: str) -> None:
    """Where samples do not match nothing is safe, and nothing goes forward."""
    guarded = Guarded(api, environment, HOLDS, {"minimum": 10})
    guarded.report(5)
    guarded.report(200, arms=("canary",))
    until(lambda: guarded.evidence["verdict"] == "srm", "the mismatch")

    assert until(lambda: guarded.evidence["waiting"], "the end of the hold") == {"for": "srm"}
    guarded.report(201, arms=("canary",))
    until(lambda: guarded.evidence["exposed"][0]["canary"] == 201, "the calls")
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
