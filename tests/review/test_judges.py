"""Claims, money and outcomes of judges, in each engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from outcomes_in import DAY_MS, now, record

from registry.errors import Conflict
from registry.outcomes.store import rows
from registry.review import judges, rules
from registry.review.desk import ReviewDesk
from registry.review.judges import Judges, Said

if TYPE_CHECKING:
    from outcomes_in import Desk

HERE = "production"


def sampled(desk: Desk, count: int) -> list[str]:
    """Calls with content, in the order of the hash of their ids."""
    desk.share = 1.0
    sent = [record(response=str(i)) for i in range(count)]
    desk.send(*sent, record(prompt="other", response=None))
    desk.fold()
    return sorted((call["id"] for call in sent), key=lambda call: rules.place(rows.call_key(call)))


def score(call: str, value: float = 1.0, name: str = "tone") -> dict[str, Any]:
    """What a judge says."""
    return {"call": call, "name": name, "value": value, "judge": "m", "rubric": "sha256:" + "5" * 64}


def test_claims_are_not_given_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the lease is over; they come by the hash of their ids, and only with content."""
    calls = sampled(desk, 5)
    there = Judges(desk.outcomes)
    first, lease = there.claim(HERE, 3, 60)
    second, other = there.claim(HERE, 3, 60)

    assert [call["id"] for call in first + second] == calls
    assert lease != other
    assert first[0]["response"] in "01234"
    assert there.claim("staging", 3, 60)[0] == []
    later = now() + 61_000
    monkeypatch.setattr(judges, "_now", lambda: later)
    assert len(there.claim(HERE, 9, 60)[0]) == 5


def test_many_claim_at_the_same_time(desk: Desk) -> None:
    """Each call goes to one of them."""
    calls = sampled(desk, 40)
    there = Judges(desk.outcomes)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: there.claim(HERE, 9, 60)[0], range(16)))
    taken = [call["id"] for part in found for call in part]

    assert len(taken) == len(set(taken))
    rest = [call["id"] for call in there.claim(HERE, 40, 60)[0]]
    assert set(taken) | set(rest) == set(calls)


@pytest.mark.parametrize("outcome", ["scored", "nonsense", "nothing"])
def test_a_settled_call_is_not_claimed_again(
    desk: Desk, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, before anything is folded; what failed comes again when its lease is over."""
    call, failed = sampled(desk, 2)
    there = Judges(desk.outcomes)
    _, lease = there.claim(HERE, 2, 60)
    scores = [score(call)] if outcome == "scored" else []
    there.settle(HERE, "t", call, Said(lease, outcome, None, 0.0, scores, nonsense=outcome == "nonsense"))
    there.settle(HERE, "t", failed, Said(lease, "failed", None, 0.0, []))
    assert there.claim(HERE, 2, 60)[0] == []
    later = now() + 61_000
    monkeypatch.setattr(judges, "_now", lambda: later)

    assert [one["id"] for one in there.claim(HERE, 2, 60)[0]] == [failed]
    desk.fold()
    assert [one["value"] for one in desk.call(call)["scores"]] == [1.0] * (outcome == "scored")


def test_money_is_kept_to_the_cent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask at once; what was not spent is there again, and the next day all of it."""
    calls = sampled(desk, 30)
    there = Judges(desk.outcomes)
    _, lease = there.claim(HERE, 30, 60)

    def reserve(call: str) -> str | None:
        try:
            return str(there.reserve(HERE, call, lease, 0.010000001, 0.1)["id"])
        except Conflict as error:
            return None if error.code == "budget_spent" else error.code

    with ThreadPoolExecutor(8) as pool:
        held = dict(zip(calls, pool.map(reserve, calls), strict=True))
    ids = [reservation for reservation in held.values() if reservation]
    assert len(ids) == 9  # ten would be beyond it by a nano-dollar
    first = next(call for call in calls if held[call])
    there.settle(HERE, "t", first, Said(lease, "scored", held[first], 0.000000001, [score(first)]))
    rest = [call for call in calls if not held[call]]
    found = there.reserve(HERE, rest[0], lease, 0.01, 0.1)
    assert (found["spent_usd"], found["reserved_usd"]) == (1e-9, pytest.approx(0.090000008, abs=1e-12))
    assert reserve(rest[1]) is None
    later = now() + DAY_MS
    monkeypatch.setattr(judges, "_now", lambda: later)
    assert reserve(rest[1])
    assert there.reserve(HERE, rest[2], lease, 1000, None)["left_usd"] is None


def test_a_budget_of_nothing(desk: Desk) -> None:
    """Lets nothing be asked but what costs nothing."""
    (call,) = sampled(desk, 1)
    there = Judges(desk.outcomes)
    _, lease = there.claim(HERE, 1, 60)
    with pytest.raises(Conflict, match=r"the \$0 that judges may spend"):
        there.reserve(HERE, call, lease, 0.0001, 0.0)

    assert there.reserve(HERE, call, lease, 0.0, 0.0)["left_usd"] == 0


def test_a_settlement_that_is_sent_again(desk: Desk) -> None:
    """Changes nothing, and is no error: the answer to the first one may have been lost."""
    (call,) = sampled(desk, 1)
    there = Judges(desk.outcomes)
    _, lease = there.claim(HERE, 1, 60)
    held = there.reserve(HERE, call, lease, 0.01, 1)["id"]
    said = Said(lease, "scored", held, 0.004, [score(call)])
    there.settle(HERE, "t", call, said)
    there.settle(HERE, "t", call, said)
    desk.fold()

    assert len(desk.call(call)["scores"]) == 1
    done = there.habits(HERE)
    assert done
    assert (done.done.spent, done.done.reserved, done.done.scored) == (4_000_000, 0, 1)


def test_a_judge_that_comes_too_late(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and its score does not count; its money does."""
    (call,) = sampled(desk, 1)
    there = Judges(desk.outcomes)
    _, lease = there.claim(HERE, 1, 60)
    held = there.reserve(HERE, call, lease, 0.01, 1)["id"]
    later = now() + judges.LEASE_MS + 1000
    monkeypatch.setattr(judges, "_now", lambda: later)
    _, other = there.claim(HERE, 1, 60)
    with pytest.raises(Conflict, match=r"the claim of .* is over") as refused:
        there.settle(HERE, "t", call, Said(lease, "scored", held, 0.004, [score(call, 0.0)]))
    assert refused.value.code == "lease_over"
    with pytest.raises(Conflict, match="is over"):
        there.reserve(HERE, call, lease, 0.01, 1)
    there.settle(HERE, "t", call, Said(other, "scored", None, 0.0, [score(call)]))
    desk.fold()

    assert [one["value"] for one in desk.call(call)["scores"]] == [1.0]
    found = there.habits(HERE)
    assert found
    assert found.done.spent == 4_000_000


def test_agreement_with_people(desk: Desk) -> None:
    """By judge and rubric; nothing below fifty labels, and labels by choice do not count."""
    calls = sampled(desk, 60)
    there, desk_of_people = Judges(desk.outcomes), ReviewDesk(desk.outcomes)
    desk.say("scores", *(score(call, 0.2 if i < 55 else 0.9) for i, call in enumerate(calls)))
    desk.say("scores", *(score(call, 0.7, "tone" + rules.AGAIN) for call in calls[:20]))
    desk.fold()
    for call in calls[:49]:
        desk_of_people.label(HERE, call, judges_person(), {"verdict": "bad", "case": False})
    (few,) = there.agreement(HERE, None)
    assert (few["labels"], few["needs"], few["agrees"]) == (49, 1, None)
    desk_of_people.label(HERE, calls[49], judges_person(), {"verdict": "good", "case": False})
    desk_of_people.label(HERE, calls[59], judges_person(), {"verdict": "good", "case": False})
    (found,) = there.agreement(HERE, "summarize")

    assert (found["name"], found["judge"], found["rubric"]) == ("tone", "m", "sha256:" + "5" * 64)
    assert (found["labels"], found["needs"], found["chosen"]) == (50, 0, 1) or rules.is_sample(
        rows.call_key(calls[59])
    )
    assert found["agrees"]["rate"] == pytest.approx(0.98) or found["labels"] == 51
    assert found["twice"]["pairs"] == found["twice"]["differ"] == 20
    assert there.agreement(HERE, "other") == []


def judges_person() -> Any:
    """Who labels."""
    from registry.outcomes.store.queue import Person  # noqa: PLC0415

    return Person("t1", "ada")
