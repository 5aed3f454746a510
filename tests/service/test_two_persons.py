"""The two-person rule over HTTP: an environment in which another token approves a start or promote."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from service.test_metrics import number
from service.test_tokens import Holder

from registry.api.docs import examples, shapes
from registry.journal.local import LocalJournal
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Api, Registry

START = {"version": "1.1.0", "steps": [{"percent": 5, "hold": "1h"}, {"percent": 50}], "reason": "shorter"}
FIRST = {"version": "1.0.0"}


def holder(api: Api) -> Holder:
    """A release manager with a token of their own."""
    wish = {"name": f"manager-{os.urandom(4).hex()}", "role": "releaser"}
    return Holder(api.url, api.call("POST", "/v1/tokens", wish).json)


@pytest.fixture
def ada(api: Api) -> Iterator[Holder]:
    """Who asks."""
    with closing(holder(api)) as one:
        yield one


@pytest.fixture
def grace(api: Api) -> Iterator[Holder]:
    """Who approves."""
    with closing(holder(api)) as one:
        yield one


@pytest.fixture
def served(guarded: str, ada: Holder, grace: Holder) -> str:
    """An environment with the rule, in which 1.0.0 is in force."""
    assert ada.act("promote", "summarize", FIRST, guarded).status == 202
    assert grace.act("approve", "summarize", None, guarded).status == 200
    return guarded


def history(api: Api, environment: str) -> list[tuple[Any, ...]]:
    """What was changed, newest first."""
    changes = api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"]
    return [(change["op"], change["from"], change["to"]) for change in changes]


def release(api: Api, environment: str) -> Any:
    """What clients are given, but for when."""
    answer = api.get(f"/v1/environments/{environment}/releases/summarize").json
    return {key: value for key, value in answer.items() if key != "seq"}


def test_what_is_asked_for_changes_nothing_that_is_served(ada: Holder, served: str) -> None:
    """202 says so; the state tells who asked what, why and when."""
    before = release(ada, served)
    answer = ada.act("start", "summarize", START, served)
    request = answer.json["state"].pop("awaiting_approval")

    assert (answer.status, answer.json["state"]["rollout"]) == (202, None)
    assert ada.state("summarize", served)["awaiting_approval"] == request
    assert (request["op"], request["version"]["version"], request["steps"], request["reason"]) == (
        "start",
        "1.1.0",
        START["steps"],
        "shorter",
    )
    assert ada.path.endswith(request["token"])
    assert release(ada, served) == before
    assert history(ada, served)[0] == ("ask.start", "1.0.0", "1.1.0")


def test_a_request_has_the_shape_that_is_described(ada: Holder, served: str) -> None:
    """As the documentation shows it."""
    asked = ada.act("start", "summarize", START, served).json

    shapes.Requested.model_validate(asked)
    assert asked["state"].keys() == examples.REQUESTED["state"].keys()
    assert asked["state"]["awaiting_approval"].keys() == examples.AWAITING.keys()


def test_an_approval_carries_it_out(ada: Holder, grace: Holder, served: str) -> None:
    """The rollout, and its clock, begin then; both are in the history."""
    asked = ada.act("start", "summarize", START, served).json["state"]["awaiting_approval"]["asked_at"]
    answer = grace.act("approve", "summarize", {"reason": "read the diff"}, served)
    state = answer.json["state"]

    assert (answer.status, "awaiting_approval" in state) == (200, False)
    assert (state["rollout"]["candidate"]["version"], state["rollout"]["step"]) == ("1.1.0", 0)
    assert state["rollout"]["entered_at"] > asked
    assert history(ada, served)[:2] == [("approve", "1.0.0", "1.1.0"), ("ask.start", "1.0.0", "1.1.0")]


def test_nobody_approves_their_own(ada: Holder, served: str) -> None:
    """403 says what helps; taking it back is free."""
    ada.act("promote", "summarize", {"version": "1.1.0"}, served)
    own = ada.act("approve", "summarize", None, served)

    assert (own.status, own.json["code"]) == (403, "own_request")
    assert "another token must approve it" in own.json["detail"]
    assert ada.act("reject", "summarize", None, served).status == 200
    assert history(ada, served)[0] == ("reject", "1.1.0", "1.0.0")
    assert ada.act("approve", "summarize", None, served).json["code"] == "nothing_to_approve"


def test_a_first_promote_awaits_approval_too(ada: Holder, grace: Holder, guarded: str) -> None:
    """There is a state, which is listed, and no release; a rejection leaves nothing in force."""
    ada.act("promote", "summarize", FIRST, guarded)
    (listed,) = ada.get(f"/v1/environments/{guarded}/rollouts").json["data"]
    nothing = ada.get(f"/v1/environments/{guarded}/releases/summarize")

    assert ada.get(f"/v1/environments/{guarded}/clients?names=summarize").json["data"][0]["release"] is None
    assert (listed["stable"], listed["awaiting_approval"]["op"]) == (None, "promote")
    assert (nothing.status, nothing.json["code"]) == (404, "no_release")
    assert ada.act("rollback", "summarize", None, guarded).json["code"] == "no_stable"
    assert grace.act("reject", "summarize", None, guarded).json["state"]["stable"] is None
    assert history(ada, guarded) == [("reject", "1.0.0", None), ("ask.promote", None, "1.0.0")]


def test_a_promote_that_completes_a_rollout_awaits_approval(ada: Holder, grace: Holder, served: str) -> None:
    """Without a version it is the candidate; the rollout goes on meanwhile, and is advanced by anybody."""
    ada.act("start", "summarize", START, served)
    grace.act("approve", "summarize", None, served)
    asked = grace.act("promote", "summarize", None, served)
    advanced = grace.act("advance", "summarize", None, served).json["state"]
    done = ada.act("approve", "summarize", None, served).json["state"]

    assert (asked.status, asked.json["state"]["awaiting_approval"]["version"]["version"]) == (202, "1.1.0")
    assert (advanced["rollout"]["step"], "awaiting_approval" in advanced) == (1, True)
    assert (done["stable"]["version"], done["rollout"]) == ("1.1.0", None)


def test_an_advance_past_the_plan_is_a_promote(ada: Holder, grace: Holder, served: str) -> None:
    """Who approved a plan up to 50 percent did not approve everyone."""
    ada.act("start", "summarize", START, served)
    grace.act("approve", "summarize", None, served)
    answers = [ada.act("advance", "summarize", None, served) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 409]
    assert answers[1].json["code"] == "plan_ends"
    assert answers[1].json["state"]["rollout"]["step"] == 1
    assert ada.act("promote", "summarize", None, served).status == 202


def test_a_rollback_waits_for_nobody(ada: Holder, grace: Holder, served: str) -> None:
    """And what was asked for before it is gone: it meant something else."""
    ada.act("promote", "summarize", {"version": "1.1.0"}, served)
    grace.act("approve", "summarize", None, served)
    ada.act("start", "summarize", {"version": "1.2.0"}, served)
    back = ada.act("rollback", "summarize", None, served)

    assert (back.status, back.json["state"]["stable"]["version"]) == (200, "1.0.0")
    assert grace.act("approve", "summarize", None, served).json["code"] == "nothing_to_approve"


def test_one_request_at_a_time(ada: Holder, grace: Holder, served: str) -> None:
    """Who comes second is told who was first."""
    ada.act("start", "summarize", START, served)
    second = grace.act("promote", "summarize", {"version": "1.2.0"}, served)

    assert (second.status, second.json["code"]) == (409, "awaiting_approval")
    assert "asked to start 1.1.0 at 20" in second.json["detail"]
    assert second.json["state"]["awaiting_approval"]["op"] == "start"


@pytest.mark.parametrize(
    ("op", "body", "refusal"),
    [
        ("start", {"version": "1.0.0"}, (409, "already_stable")),
        ("start", {"version": "2.0.0"}, (409, "needs_variables")),
        ("promote", {"version": "2.1.0-rc.1"}, (422, "invalid_version")),
        ("promote", {"version": "9.9.9"}, (404, "unknown_version")),
        ("promote", {}, (422, "version_needed")),
        ("start", {"version": "1.1.0", "steps": [{"percent": 5}, {"percent": 3}]}, (422, "invalid")),
        ("start", {"version": "1.1.0", "expect": {"awaiting_approval": "a-1"}}, (409, "changed")),
    ],
)
def test_what_cannot_be_done_cannot_be_asked_for(
    ada: Holder, served: str, op: str, body: Any, refusal: tuple[int, str]
) -> None:
    """Every check is made before anything waits."""
    refused = ada.act(op, "summarize", body, served)

    assert (refused.status, refused.json["code"]) == refusal
    assert "awaiting_approval" not in ada.state("summarize", served)


def test_what_was_forced_is_not_checked_again(ada: Holder, grace: Holder, served: str) -> None:
    """Who approves sees that it is."""
    asked = ada.act("start", "summarize", {"version": "2.0.0", "force": True}, served)

    assert asked.json["state"]["awaiting_approval"]["force"] is True
    assert grace.act("approve", "summarize", None, served).status == 200


def test_an_approval_means_what_was_seen(ada: Holder, grace: Holder, served: str) -> None:
    """If the request was taken back and another made, it is a conflict."""
    seen = ada.act("start", "summarize", START, served).json["state"]["awaiting_approval"]["id"]
    ada.act("reject", "summarize", None, served)
    new = ada.act("promote", "summarize", {"version": "1.2.0"}, served).json["state"]["awaiting_approval"][
        "id"
    ]
    late, right = (
        grace.act("approve", "summarize", {"expect": {"awaiting_approval": i}}, served) for i in (seen, new)
    )

    assert (late.status, late.json["code"]) == (409, "changed")
    assert right.json["state"]["stable"]["version"] == "1.2.0"


def test_repeated_requests_are_answered_again(ada: Holder, grace: Holder, served: str) -> None:
    """With the status and the words of the first, also when what was asked for is long done."""
    asks = [ada.act("start", "summarize", START, served, Idempotency_Key="ask") for _ in range(2)]
    answers = [grace.act("approve", "summarize", None, served, Idempotency_Key="yes") for _ in range(2)]
    asks.append(ada.act("start", "summarize", START, served, Idempotency_Key="ask"))

    assert [(answer.status, answer.json) for answer in asks] == [(202, asks[0].json)] * 3
    assert [(answer.status, answer.json) for answer in answers] == [(200, answers[0].json)] * 2
    assert len(history(ada, served)) == 4


@pytest.mark.parametrize("guard", [False, True])
def test_of_an_approval_and_a_rejection_at_once_one_is_done(
    ada: Holder, grace: Holder, served: str, *, guard: bool
) -> None:
    """The other is told that it came too late."""
    for _ in range(5):
        state = ada.act("promote", "summarize", {"version": "1.1.0"}, served).json["state"]
        headers = {"If_Match": f'"{state["epoch"]}.{state["seq"]}"'} if guard else {}
        with ThreadPoolExecutor() as pool:
            answers = [
                pool.submit(one.act, op, "summarize", None, served, **headers)
                for one, op in ((grace, "approve"), (ada, "reject"))
            ]
        approved, rejected = (answer.result().status for answer in answers)
        assert sorted((approved, rejected)) == [200, 412 if guard else 409]
        assert history(ada, served)[0][0] == ("approve" if approved == 200 else "reject")
        if approved == 200:
            assert ada.act("rollback", "summarize", None, served).status == 200


def test_a_request_outlives_its_token(api: Api, ada: Holder, grace: Holder, served: str) -> None:
    """Who asked may have left meanwhile; what was asked for is still to be decided."""
    ada.act("start", "summarize", START, served)
    assert api.call("DELETE", ada.path).status == 200

    assert grace.act("approve", "summarize", None, served).json["state"]["rollout"]["step"] == 0


def test_another_environment_has_no_rule(api: Api, environment: str) -> None:
    """There a start is a start."""
    assert api.act("promote", "summarize", FIRST, environment).status == 200
    assert api.act("start", "summarize", START, environment).json["state"]["rollout"]["step"] == 0
    assert api.act("approve", "summarize", None, environment).json["code"] == "nothing_to_approve"


def test_doctor_names_who_is_waited_for(ada: Holder, served: str) -> None:
    """And the command that helps; the version is not said to be wanted by nobody."""
    ada.act("promote", "summarize", {"version": "2.0.0", "force": True}, served)
    checks = ada.get("/v1/doctor?prompt=summarize").json["checks"]
    (waits,) = [check for check in checks if check["name"] == served and check["status"] == "warning"]

    assert waits["message"].endswith("asked to promote 2.0.0, which awaits approval")
    assert waits["remedy"] == f"with another token: promptstage approve summarize -e {served}"
    assert not any("2.0.0 is in force nowhere" in check["message"] for check in checks)


def test_requests_are_counted_and_logged(registry: Registry, ada: Holder, grace: Holder, served: str) -> None:
    """As long as they wait; each is a change like any other."""
    ada.act("start", "summarize", START, served)
    waiting = number(registry.api, "awaiting_approval", served)
    grace.act("approve", "summarize", None, served)

    assert (waiting, number(registry.api, "awaiting_approval", served)) == (1, 0)
    assert number(registry.api, "changes_total", served, "ask.start") == 1
    assert f"summarize in {served}: ask.start 1.0.0 -> 1.1.0, by manager-" in registry.log
    assert f"summarize in {served}: approve 1.0.0 -> 1.1.0, by manager-" in registry.log


def test_the_rule_is_read_at_the_start(serve: Callable[..., Registry], tmp_path: Path) -> None:
    """What waits survives a restart with its bytes; it is approved even where the rule is gone."""
    config = tmp_path / "rules.toml"
    config.write_text("[environments.production]\napproval = true\n")
    first = serve(config=str(config))
    with closing(holder(first.api)) as grace:
        asked = first.api.act("promote", "summarize", FIRST)
        first.stop()
        assert (asked.status, verify(first.data).problems) == (202, ())
        with closing(LocalJournal(first.data)) as journal:
            assert journal.staged("summarize", "1.0.0")
        second = serve()
        with closing(Holder(second.url, {"secret": grace.token, "id": ""})) as still:
            waits = still.act("promote", "summarize", {"version": "1.1.0"}).json["code"]
            approved = still.act("approve", "summarize")
            after = still.act("promote", "summarize", {"version": "1.1.0"})

    assert (waits, approved.status, after.status) == ("awaiting_approval", 200, 200)
