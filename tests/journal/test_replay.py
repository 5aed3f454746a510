"""Changes in a row: what they lead to, and what does not fit."""

from __future__ import annotations

import pytest
from journal.story import EPOCH, promoted, reference

from registry.journal.change import Change
from registry.journal.maintenance.replay import replay
from registry.rollouts.state import State
from registry.system import timestamps


def change(seq: int, version: str = "", **fields: object) -> Change:
    """A creation, or a promote."""
    state = promoted(version, seq) if version else None
    known = {"epoch": EPOCH, "seq": seq, "actor": "ada", "previous": max(0, seq - 1), "state": state}
    return Change.model_validate({"at": timestamps.now(), "op": "promote", **known, **fields})


def test_changes_lead_to_states() -> None:
    """The last one of each prompt, and every version that was ever named."""
    done = replay([change(0), change(1, "1.0.0"), change(2, "1.1.0")])

    assert done.faults == []
    assert done.states == {("production", "summarize"): promoted("1.1.0", 2)}
    assert done.refs == {("summarize", reference(version)) for version in ("1.0.0", "1.1.0")}


def test_a_version_that_was_asked_for_is_named() -> None:
    """Its bytes are kept, though it may never be in force."""
    asked = State(environment="production", prompt="summarize", epoch=EPOCH, seq=1)
    request = {"id": "a-1", "op": "promote", "asked_by": "ada", "token": "t", "asked_at": timestamps.now()}
    request["version"] = reference("1.0.0")
    state = State.model_validate({**asked.model_dump(), "awaiting_approval": request})

    assert replay([change(0), change(1, state=state)]).refs == {("summarize", reference("1.0.0"))}


def test_a_recovery_may_leave_an_epoch_that_is_ahead() -> None:
    """Nothing else may, and it leaves no other."""
    now = int(timestamps.now().timestamp())
    ahead, sane = change(0, epoch=now + 100_000), change(0, epoch=now - 100_000)

    assert replay([ahead, change(1, op="recover")]).faults == []
    assert [len(replay([ahead, change(1)]).faults), len(replay([sane, change(1, op="recover")]).faults)] == [
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (change(2, "1.0.0"), "change 1: its record says that it is change 2"),
        (change(1, "1.0.0", epoch=5), f"change 1: its epoch 5 is earlier than that before it ({EPOCH})"),
        (change(1, "1.0.0", actor=""), "change 1: it has no actor"),
        (change(1, "1.0.0", state=promoted("1.0.0", 7)), f"change 1: its state is of {EPOCH}.7"),
        (
            change(1, "1.0.0", previous=3),
            "change 1: it follows change 3 of its prompt, of which the last one is 0",
        ),
    ],
)
def test_what_does_not_fit_is_named(second: Change, fault: str) -> None:
    """By the number of the change."""
    assert fault in replay([change(0), second]).faults
