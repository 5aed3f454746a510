"""The queue: who is in it, who has what, what people say, and what outlives the retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from outcomes_in import DAY_MS, KEEP, now, record, uuid7

from registry.errors import Conflict, NotFound
from registry.outcomes.store import held_calls, rows
from registry.outcomes.store.queue import Person
from registry.review import desk as review
from registry.review import rules
from registry.review.desk import ReviewDesk

if TYPE_CHECKING:
    from collections.abc import Callable

    from outcomes_in import Desk

ADA, BEN = Person("t1", "ada"), Person("t2", "ben")
HERE = "production"
GOOD = {"verdict": "good", "case": False}


def sampled(**fields: Any) -> dict[str, Any]:
    """A call with content that nothing puts into the queue."""
    at = now() - 1000
    ids = (uuid7(at) for _ in range(1000))
    identifier = next(found for found in ids if not rules.is_sample(rows.call_key(found)))
    return record(at, response="hi", variables={"text": "hello"}, **fields) | {"id": identifier}


def send(desk: Desk, *records: dict[str, Any]) -> list[str]:
    """Report calls whose content is kept, with `down` for each."""
    desk.share = 1.0
    desk.send(*records)
    desk.say("feedback", *({"call": call["id"], "kind": "down", "comment": "no"} for call in records))
    desk.fold()
    return [call["id"] for call in records]


def waiting(desk: Desk, prompt: str | None = None) -> list[str]:
    """The calls that wait, in order."""
    items, count = ReviewDesk(desk.outcomes).waiting(HERE, prompt, 500, None)
    assert count == len(items)
    return [item["call"] for item in items]


def test_what_speaks_against_a_call_queues_it(desk: Desk) -> None:
    """Before or after the call came; calls without content, and good ones, are not there."""
    desk.share = 1.0
    early, late, flagged, scored, fine = (sampled() for _ in range(5))
    flagged["flags"] = ["late"]
    desk.say("feedback", {"call": early["id"], "kind": "edited"})
    desk.send(early, late, flagged, scored, fine)
    bare = record()
    desk.send(bare)
    desk.fold()
    assert set(waiting(desk)) == {early["id"], flagged["id"]}
    desk.say("feedback", *({"call": call["id"], "kind": "down"} for call in (late, bare)))
    desk.say("feedback", {"call": fine["id"], "kind": "up"})
    desk.say("scores", {"call": scored["id"], "name": "tone", "value": 0.4, "judge": "m"})
    desk.say("scores", {"call": fine["id"], "name": "tone", "value": 0.5, "judge": "m"})
    desk.fold()

    expected = {call["id"] for call in (early, late, flagged, scored)}
    assert set(waiting(desk)) == expected
    assert waiting(desk) == sorted(expected, key=lambda call: rules.place(rows.call_key(call)))
    assert waiting(desk, "other") == []


def test_a_claim_shows_content_and_no_scores(desk: Desk) -> None:
    """Nor that a low score is why it waits."""
    (call,) = send(desk, sampled())
    desk.say("scores", {"call": call, "name": "tone", "value": 0.1, "judge": "m"})
    desk.fold()
    there = ReviewDesk(desk.outcomes)
    found = there.claim(HERE, call, ADA)

    assert found["content"]["variables"] == {"text": "hello"}
    assert found["content"]["feedback"][0] | {"at": None} == {
        "kind": "down",
        "value": None,
        "at": None,
        "comment": "no",
    }
    assert "scores" not in found["content"]
    assert found["because"] == ["down"]
    said = there.label(HERE, call, ADA, {"verdict": "bad", "case": True, "expected": {"a": 1}, "tags": ["t"]})
    assert [score["value"] for score in said["scores"]] == [0.1]
    assert (said["label"]["expected"], said["label"]["by"]) == ({"a": 1}, "ada")
    assert waiting(desk) == []


def test_two_people_on_one_call(desk: Desk) -> None:
    """The second is told who has it; a label of the first stays, and the first may change it."""
    (call,) = send(desk, sampled())
    there = ReviewDesk(desk.outcomes)
    there.claim(HERE, call, ADA)
    acts: list[Callable[[], object]] = [
        lambda: there.claim(HERE, call, BEN),
        lambda: there.skip(HERE, call, BEN),
        lambda: there.label(HERE, call, BEN, GOOD),
    ]
    for act in acts:
        with pytest.raises(Conflict, match="ada has") as refused:
            act()
        assert refused.value.code == "claimed"
    there.label(HERE, call, ADA, GOOD)
    with pytest.raises(Conflict, match="ada called") as refused:
        there.label(HERE, call, BEN, GOOD)
    assert refused.value.code == "labelled"
    there.label(HERE, call, ADA, {"verdict": "bad", "case": True})

    assert [label["verdict"] for label in there.labels(HERE, {}, 9, None)] == ["bad"]


def test_a_claim_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten minutes another person may have it; whoever comes back late is told."""
    (call,) = send(desk, sampled())
    there = ReviewDesk(desk.outcomes)
    there.claim(HERE, call, ADA)
    later = now() + review.CLAIM_MS + 1000
    monkeypatch.setattr(review, "_now", lambda: later)
    there.claim(HERE, call, BEN)
    with pytest.raises(Conflict, match="ben has"):
        there.label(HERE, call, ADA, GOOD)

    assert there.label(HERE, call, BEN, GOOD)["label"]["by"] == "ben"


def test_skipped_calls_come_last_and_then_leave(desk: Desk) -> None:
    """The third time nobody is asked again."""
    calls = send(desk, sampled(), sampled(), sampled())
    there = ReviewDesk(desk.outcomes)
    first, *others = waiting(desk)
    assert set(calls) == {first, *others}
    there.skip(HERE, first, ADA)
    assert waiting(desk) == [*others, first]
    there.skip(HERE, first, ADA)
    assert there.skip(HERE, first, BEN)["done"]
    assert waiting(desk) == others
    with pytest.raises(Conflict, match="skipped 3 times"):
        there.claim(HERE, first, ADA)


def test_any_sampled_call_can_be_chosen(desk: Desk) -> None:
    """It is labelled like the others, and says that it was chosen."""
    desk.share = 1.0
    sent = sampled()
    desk.send(sent)
    desk.fold()

    assert ReviewDesk(desk.outcomes).claim(HERE, sent["id"], ADA)["because"] == ["chosen"]


def test_calls_that_cannot_be_labelled(desk: Desk) -> None:
    """One that is not there, is of another environment, has no content, or was erased."""
    there = ReviewDesk(desk.outcomes)
    erased = sampled(subject="9f86d081884c7d65")
    (call,) = send(desk, erased)
    desk.share = 0.0
    bare = record()
    desk.send(bare)
    desk.fold()
    desk.outcomes._store.keeper.start = desk.fold  # type: ignore[method-assign]
    assert desk.outcomes.erase(HERE, "t", "key", "test").calls == 1

    for identifier, code in ((call, "erased"), (bare["id"], "not_sampled")):
        with pytest.raises(Conflict) as refused:
            there.label(HERE, identifier, ADA, GOOD)
        assert refused.value.code == code
    for identifier, place in ((bare["id"], "staging"), (uuid7(now()), HERE), ("7", HERE)):
        with pytest.raises(NotFound):
            there.claim(place, identifier, ADA)
    assert waiting(desk) == []


def test_an_erasure_takes_what_labels_hold(desk: Desk) -> None:
    """It names the cases that are in git, and a case that is not there yet is none any more."""
    there = ReviewDesk(desk.outcomes)
    first, second = send(desk, sampled(subject="9f86d081884c7d65"), sampled(subject="9f86d081884c7d65"))
    for call in (first, second):
        there.label(HERE, call, ADA, {"verdict": "bad", "case": True, "note": "x", "expected": "y"})
    assert there.pull(HERE, {first: "parcel"}) == 1
    desk.outcomes._store.keeper.start = desk.fold  # type: ignore[method-assign]
    erased = desk.outcomes.erase(HERE, "t", "key", "test")

    assert erased == (2, ["summarize: parcel"])
    labels = {label["call"]: label for label in there.labels(HERE, {}, 9, None)}
    assert {(label["note"], label["expected"]) for label in labels.values()} == {(None, None)}
    assert (labels[first]["case"], labels[second]["case"]) == (True, False)


def test_a_case_in_git_is_changed_there(desk: Desk) -> None:
    """Its label stays as it is; pulled again it counts for nothing."""
    there = ReviewDesk(desk.outcomes)
    (call,) = send(desk, sampled())
    there.label(HERE, call, ADA, {"verdict": "bad", "case": True})
    assert (there.pull(HERE, {call: "parcel"}), there.pull(HERE, {call: "other"})) == (1, 0)

    with pytest.raises(Conflict, match="the case parcel of summarize in git"):
        there.label(HERE, call, ADA, GOOD)
    (label,) = there.labels(HERE, {"pulled": True, "case": True, "prompt": "summarize"}, 9, None)
    assert label["case_id"] == "parcel"
    assert there.labels(HERE, {"pulled": False}, 9, None) == []


def test_labels_are_read_by_pages(desk: Desk) -> None:
    """With the content of their calls, if it is wanted."""
    there = ReviewDesk(desk.outcomes)
    for call in send(desk, *(sampled() for _ in range(5))):
        there.label(HERE, call, ADA, GOOD)
    found: list[dict[str, Any]] = []
    after = None
    while page := there.labels(HERE, {"since": 0}, 2, after, content=True):
        found += page
        after = rows_place(page[-1])

    assert len({label["call"] for label in found}) == len(found) == 5
    assert found[0]["content"] == {"variables": {"text": "hello"}, "response": "hi"}


def rows_place(label: dict[str, Any]) -> tuple[int, bytes]:
    """Where a page ended."""
    from registry.outcomes.call import moment  # noqa: PLC0415

    return moment(label["at"]), rows.call_key(label["call"])


def test_what_people_are_to_look_at_outlives_the_retention(desk: Desk) -> None:
    """Until it is done or in git; the others go with their day."""
    there = ReviewDesk(desk.outcomes)
    open_, good, case, pulled, erased = send(
        desk, *(sampled() for _ in range(4)), sampled(subject="9f86d081884c7d65")
    )
    there.label(HERE, good, ADA, {**GOOD, "note": "kind"})
    for call in (case, pulled):
        there.label(HERE, call, ADA, {"verdict": "bad", "case": True, "expected": "hello"})
    there.pull(HERE, {pulled: "x"})
    later = now() + (KEEP + 2) * DAY_MS
    desk.retain(later)

    assert desk.calls() == []
    assert desk.call(open_, content=True)["response"] == "hi"
    assert [call["kind"] for call in desk.call(open_)["feedback"]] == ["down"]
    assert desk.call(case, content=True)["variables"] == {"text": "hello"}
    for call in (good, pulled):
        assert desk.outcomes.call(HERE, call) is None
    written = {label["call"]: (label["expected"], label["note"]) for label in there.labels(HERE, {}, 9, None)}
    assert written == {good: (None, None), case: ("hello", None), pulled: (None, None)}
    desk.outcomes._store.keeper.start = desk.fold  # type: ignore[method-assign]
    assert desk.outcomes.erase(HERE, "t", "key", "test").calls == 1
    assert waiting(desk) == [open_]
    there.label(HERE, open_, ADA, GOOD)
    there.pull(HERE, {case: "y"})
    desk.retain(later)
    assert desk.outcomes.call(HERE, open_) is None
    assert desk.outcomes.call(HERE, erased) is None


def test_a_queue_that_nobody_works_on_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what outlives its day the oldest goes first."""
    monkeypatch.setattr(held_calls, "MOST", 3)
    calls = send(desk, *(sampled() for _ in range(5)))
    desk.retain(now() + (KEEP + 2) * DAY_MS)

    assert set(waiting(desk)) == set(sorted(calls)[2:])
