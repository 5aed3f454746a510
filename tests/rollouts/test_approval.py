"""The two-person rule, cell by cell: every command in every state, with a request and without one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rollouts.test_transitions import NOTHING, NOW, PAUSED, RUNNING, STEADY, STEPS, V1, V2, V3, start

from registry.rollouts import transitions
from registry.rollouts.approval import (
    Actor,
    AdvanceWithinPlan,
    Approve,
    Command,
    Reject,
    RequestApproval,
    apply,
    ends,
    entering,
)
from registry.rollouts.state import State, Step, VersionRef
from registry.rollouts.transitions import Advance, Conflict, Pause, Promote, Resume, Rollback, Start

ADA, GRACE = Actor("t-ada", "ada"), Actor("t-grace", "grace")
LATER = NOW + timedelta(hours=1)
UNDONE = STEADY.model_copy(update={"stable": V2, "previous": V1})
STATES = {"nothing": NOTHING, "steady": STEADY, "undoable": UNDONE, "running": RUNNING, "paused": PAUSED}


def ask(command: Start | Promote) -> RequestApproval:
    """Ada asks."""
    return RequestApproval(command, ADA, "a-1", reason="shorter")


def done(state: State, command: Command) -> State:
    """The state after a command that is allowed."""
    after = apply(state, command, LATER)
    assert isinstance(after, State), after
    return after


def answered(state: State, command: Command) -> object:
    """The code of a conflict; else what is in force, and whether a request waits."""
    after = apply(state, command, LATER)
    if isinstance(after, Conflict):
        return after.code
    rollout = after.rollout and (after.rollout.candidate, after.rollout.step, after.rollout.state)
    return (after.stable, after.previous, rollout, after.awaiting_approval is not None)


APPROVE = Approve(GRACE, "r-1", "salt")
COMMANDS: dict[str, Command] = {
    "start": start(V3),
    "promote": Promote(),
    "promote 3": Promote(V3),
    "advance": Advance(),
    "pause": Pause(),
    "resume": Resume(),
    "rollback": Rollback(),
    "ask to start": ask(start(V3)),
    "ask to promote": ask(Promote()),
    "ask to promote 3": ask(Promote(V3)),
    "approve": APPROVE,
    "reject": Reject(),
}
ASKED = {  # each state with what may be asked for in it
    "nothing": done(NOTHING, ask(Promote(V3))),
    "steady, promote": done(STEADY, ask(Promote(V3))),
    "steady, start": done(STEADY, ask(start(V3))),
    "undoable": done(UNDONE, ask(start(V3))),
    "running": done(RUNNING, ask(Promote())),
    "paused": done(PAUSED, ask(Promote())),
}
OLD = (V1, None, None)
WAITS = "awaiting_approval"
RUNS, STOPS = (V2, 0, "running"), (V2, 0, "paused")
# What each command does while a request waits, in the order of COMMANDS.
TABLE: dict[str, tuple[object, ...]] = {
    "nothing": (
        *(WAITS, WAITS, WAITS, "no_stable", "no_stable", "no_stable", "no_stable", WAITS, WAITS, WAITS),
        (V3, None, None, False),
        (None, None, None, False),
    ),
    "steady, promote": (
        *(WAITS, WAITS, WAITS, "no_rollout", "no_rollout", "no_rollout", "nothing_to_roll_back"),
        *(WAITS, WAITS, WAITS),
        (V3, V1, None, False),
        (*OLD, False),
    ),
    "steady, start": (
        *(WAITS, WAITS, WAITS, "no_rollout", "no_rollout", "no_rollout", "nothing_to_roll_back"),
        *(WAITS, WAITS, WAITS),
        (V1, None, (V3, 0, "running"), False),
        (*OLD, False),
    ),
    "undoable": (
        *(WAITS, WAITS, WAITS, "no_rollout", "no_rollout", "no_rollout"),
        (V1, None, None, False),  # a rollback waits for nobody, and what was asked for is gone with it
        *(WAITS, WAITS, WAITS),
        (V2, V1, (V3, 0, "running"), False),
        (V2, V1, None, False),
    ),
    "running": (
        *(WAITS, WAITS, WAITS),
        *((V1, None, (V2, 1, "running"), True), (V1, None, STOPS, True), "not_paused", (*OLD, False)),
        *(WAITS, WAITS, WAITS),
        (V2, V1, None, False),
        (V1, None, RUNS, False),
    ),
    "paused": (
        *(WAITS, WAITS, WAITS),
        *("paused", "paused", (V1, None, RUNS, True), (*OLD, False)),
        *(WAITS, WAITS, WAITS),
        (V2, V1, None, False),
        (V1, None, STOPS, False),
    ),
}


@pytest.mark.parametrize("place", ASKED)
def test_while_a_request_waits(place: str) -> None:
    """Nothing else can be asked for; the rest goes on, and drops the request if it changes what it meant."""
    found = {name: answered(ASKED[place], command) for name, command in COMMANDS.items()}

    assert dict(zip(COMMANDS, TABLE[place], strict=True)) == found


@pytest.mark.parametrize("place", STATES)
@pytest.mark.parametrize("name", ["start", "promote", "promote 3"])
def test_what_could_be_done_can_be_asked_for(place: str, name: str) -> None:
    """And nothing else: the conflict is the same, and nothing that is served changes."""
    state, command = STATES[place], COMMANDS[name]
    assert isinstance(command, Start | Promote)
    real, asked = apply(state, command, NOW), apply(state, ask(command), NOW)

    if isinstance(real, Conflict):
        assert asked == real
    else:
        assert isinstance(asked, State)
        assert asked.model_copy(update={"awaiting_approval": None}) == state
        assert ends(state, asked) == transitions.ends(state, real)


@pytest.mark.parametrize("place", STATES)
@pytest.mark.parametrize("name", ["advance", "pause", "resume", "rollback", "start", "promote", "promote 3"])
def test_without_a_request_nothing_is_different(place: str, name: str) -> None:
    """Where nobody asks, the table of transitions is all there is."""
    command = COMMANDS[name]
    assert not isinstance(command, RequestApproval | Approve | Reject | AdvanceWithinPlan)

    assert apply(STATES[place], command, NOW) == transitions.apply(STATES[place], command, NOW)


@pytest.mark.parametrize("place", STATES)
@pytest.mark.parametrize("command", [APPROVE, Reject()])
def test_nothing_to_answer(place: str, command: Command) -> None:
    """Whatever is in force."""
    assert answered(STATES[place], command) == "nothing_to_approve"


@pytest.mark.parametrize("command", [start(V3), Promote(V3)])
def test_what_is_approved_is_what_was_asked_for(command: Start | Promote) -> None:
    """As if it were done at that moment: the rollout, its id and its clock begin with the approval."""
    approved = done(done(STEADY, ask(command)), Approve(GRACE, "r-1", "salt"))

    assert approved == transitions.apply(STEADY, command, LATER)


@pytest.mark.parametrize("who", [ADA, Actor("t-renewed", "Ada"), Actor("t-ada", "ada lovelace")])
def test_nobody_approves_their_own(who: Actor) -> None:
    """Neither with that token, nor with a renewed one whose name looks the same."""
    assert answered(ASKED["running"], Approve(who, "r-1", "salt")) == "own_request"


@pytest.mark.parametrize(
    ("percents", "expected"),
    [((1, 25, 100), "completed"), ((100,), "completed"), ((1,), "plan_ends"), ((0, 25), "plan_ends")],
)
def test_an_advance_goes_no_further_than_what_was_approved(
    percents: tuple[float, ...], expected: str
) -> None:
    """To everyone only if the plan says so; else it is a promote, which takes another person."""
    steps = tuple(Step(percent=percent) for percent in percents)
    after: State | Conflict = done(STEADY, start(V2, steps))
    while isinstance(after, State) and after.rollout:
        after = apply(after, AdvanceWithinPlan(), LATER)

    assert (after.code if isinstance(after, Conflict) else "completed") == expected


@pytest.mark.parametrize("place", ["nothing", "steady", "paused"])
def test_a_proceed_is_refused_as_an_advance_is(place: str) -> None:
    """With the same words."""
    assert apply(STATES[place], AdvanceWithinPlan(), NOW) == apply(STATES[place], Advance(), NOW)


def test_a_promote_without_a_version_means_the_candidate() -> None:
    """It is fixed when it is asked for, with who asked, when and why."""
    request = ASKED["running"].awaiting_approval

    assert request is not None
    assert (request.op, request.version, request.steps) == ("promote", V2, ())
    assert (request.asked_by, request.token, request.asked_at, request.reason) == (
        "ada",
        "t-ada",
        LATER,
        "shorter",
    )


def test_who_waits_is_named() -> None:
    """Who comes second reads who asked what, and when."""
    after = apply(ASKED["steady, start"], Promote(V2), LATER)

    assert isinstance(after, Conflict)
    assert after.message.startswith("ada asked to start 3.0.0 at 2026-11-01T13:00:00Z, which awaits approval")


@pytest.mark.parametrize(
    ("before", "command", "expected"),
    [
        (NOTHING, ask(Promote(V1)), (None, "1.0.0")),
        (ASKED["nothing"], Reject(), ("3.0.0", None)),
        (ASKED["nothing"], APPROVE, (None, "3.0.0")),
        (STEADY, ask(start(V3)), ("1.0.0", "3.0.0")),
        (ASKED["steady, start"], APPROVE, ("1.0.0", "3.0.0")),
        (ASKED["steady, start"], Reject(), ("3.0.0", "1.0.0")),
        (ASKED["running"], Advance(), (1, 25)),
        (ASKED["running"], Rollback(), ("2.0.0", "1.0.0")),
        (ASKED["undoable"], Rollback(), ("2.0.0", "1.0.0")),
    ],
)
def test_ends(before: State, command: Command, expected: tuple[object, object]) -> None:
    """The history says what a request would change, and what a rejection takes back."""
    assert ends(before, done(before, command)) == expected


def test_a_state_without_a_request_says_nothing_of_one() -> None:
    """Its JSON is what it was before there were requests; with one it survives, too."""
    ref = VersionRef(version="1.0.0", digest="sha256:1", commit="1").model_dump_json()
    asked = ASKED["steady, start"]

    assert STEADY.model_dump_json() == (
        '{"environment":"production","prompt":"summarize","epoch":0,"seq":0,'
        f'"stable":{ref},"previous":null,"rollout":null}}'
    )
    assert State.model_validate_json(asked.model_dump_json()) == asked
    assert asked.model_dump(mode="json")["awaiting_approval"]["steps"][0] == STEPS[0].model_dump()


@pytest.mark.parametrize("state", [*STATES.values(), *ASKED.values()])
@pytest.mark.parametrize("op", COMMANDS)
def test_a_version_enters_once(state: State, op: str) -> None:
    """By what starts, promotes or asks for it, and when that is approved; never by what goes on or back."""
    after = apply(state, COMMANDS[op], LATER)
    if isinstance(after, Conflict):
        return
    asked = state.awaiting_approval
    by_approval = op == "approve" and asked is not None and asked.version == V3
    enters = op in {"start", "promote 3", "ask to start", "ask to promote 3"} or by_approval

    assert entering(state, after, op) == (V3 if enters else None)
