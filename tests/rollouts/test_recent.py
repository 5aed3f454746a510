"""The recent versions of a release: those that were in force here lately, and were not withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from promptstage.model import Served
from promptstage.prompt import make_document
from registry.errors import Unavailable
from registry.journal.change import Change
from registry.rollouts import approval, release
from registry.rollouts.approval import Actor, Approve, Reject, RequestApproval
from registry.rollouts.state import State, Step, VersionRef
from registry.rollouts.transitions import Advance, Pause, Promote, Rollback, Start
from registry.system import formats

if TYPE_CHECKING:
    from registry.rollouts.approval import Command

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOTHING = State(environment="production", prompt="chat")
REFS = {f"{n}": VersionRef(version=f"{n}.0.0", digest=f"sha256:{n}", commit=str(n)) for n in range(1, 8)}


def command(text: str) -> Command:
    """``p2`` promotes 2.0.0, ``s2`` starts it, ``a2`` asks to promote it; the rest are single letters."""
    ref = REFS.get(text[1:])
    if text[0] == "s" and ref:
        return Start(ref, (Step(percent=1), Step(percent=100)), (), "r-1", "salt")
    if text[0] == "a":
        return RequestApproval(Promote(ref), Actor("t-1", "ada"), "a-1")
    commands: dict[str, Command] = {
        "p": Promote(ref), "+": Advance(), "=": Pause(), "<": Rollback(), "x": Reject(),
        "y": Approve(Actor("t-2", "bob"), "r-2", "salt"),
    }  # fmt: skip
    return commands[text[0]]


def after(story: str, state: State = NOTHING) -> State:
    """The state after a story; what comes out of the journal is what went in."""
    for word in story.split():
        done = approval.apply(state, command(word), NOW)
        assert isinstance(done, State), (word, done)
        state = State.model_validate_json(done.model_dump_json())
        assert state == done
    return state


def load(_: str, ref: VersionRef) -> Served:
    """A document for each version."""
    return Served(ref.version, None, ref.digest, ref.commit, make_document(ref.version))


def majors(state: State) -> str:
    """The stable version, the candidate and, after a bar, the recent ones of a release."""
    built = release.build(state, load)
    assert built
    chosen = [version for version in built.versions if version not in built.recent]
    assert list(built.versions) == [*chosen, *built.recent]
    return "".join(v[0] for v in chosen) + "|" + "".join(v[0] for v in built.recent)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("p1", "1|"),
        ("p1 p2", "2|1"),
        ("p1 p2 p3 p4 p5", "5|432"),
        ("p1 s2", "12|"),
        ("p1 s2 =", "12|"),
        ("p1 s2 +", "2|1"),
        ("p1 s2 p", "2|1"),
        # a rollback withdraws the candidate, or what was the candidate, at once
        ("p1 s2 <", "1|"),
        ("p1 p2 <", "1|"),
        ("p1 p2 p3 s4 <", "3|21"),
        ("p1 p2 p3 p4 <", "3|21"),
        ("p1 p2 p3 p4 p5 s6 <", "5|432"),
        ("p1 p2 p3 p4 p5 <", "4|32"),
        # a withdrawn version that is promoted again is fine again
        ("p1 p2 < p2", "2|1"),
        ("p1 s2 < s2", "12|"),
        ("p1 s2 < s2 p s3 p", "3|21"),
        ("p1 p2 < p3", "3|1"),
        # a promote back is no rollback: the conversations with what was in force go on
        ("p1 p2 p1", "1|2"),
        ("p1 p2 p1 p2", "2|1"),
        ("p1 p2 p3 p1", "1|32"),
        ("p1 p2 p1 <", "2|"),
        # a recent version may be the candidate: then it is not recent, and a rollback withdraws it
        ("p1 p2 s1", "21|"),
        ("p1 p2 s1 <", "2|"),
        ("p1 p2 p3 s1 <", "3|2"),
        ("p1 p2 p3 s1 p", "1|32"),
        # a request changes nothing before it is approved
        ("p1 p2 a3", "2|1"),
        ("p1 p2 a3 x", "2|1"),
        ("p1 p2 a3 y", "3|21"),
        ("p1 p2 a1 y", "1|2"),
    ],
)
def test_after_a_story(story: str, expected: str) -> None:
    """Stable and candidate, then what conversations may go on with, the last one first."""
    assert majors(after(story)) == expected


def test_a_state_of_before_has_the_previous_version() -> None:
    """Which was in force, and was not withdrawn; from there on it keeps more."""
    before = after("p1 p2 p3").model_copy(update={"recent": ()})

    assert majors(before) == "3|2"
    assert majors(after("s4 <", before)) == "3|2"
    assert majors(after("p4 p5", before)) == "5|432"


@pytest.mark.parametrize(("number", "kept"), [(1, ()), (2, ()), (3, (REFS["1"],))])
def test_a_journal_in_an_older_format_does_not_name_them(number: int, kept: tuple[VersionRef, ...]) -> None:
    """The registries that may read it would refuse the state."""
    newest = Change(format=number, epoch=1, seq=3, at=NOW, actor="ada", op="promote")
    change = newest.following(at=NOW, actor="ada", op="promote", state=after("p1 p2 p3"))

    assert change.state
    assert change.state.recent == kept
    assert ("recent" in change.state.model_dump()) == (number >= formats.RECENT)


def test_bytes_that_are_lost_hold_nothing_back() -> None:
    """Of a recent version: what is in force is served."""

    def without_1(prompt: str, ref: VersionRef) -> Served:
        if ref == REFS["1"]:
            raise Unavailable("its bytes are not here")
        return load(prompt, ref)

    built = release.build(after("p1 p2 p3"), without_1)

    assert built
    assert (built.recent, list(built.versions)) == (("2.0.0",), ["3.0.0", "2.0.0"])
