"""``promptstage judge`` beside a registry and a model: what it asks and says, and does not do twice."""

from __future__ import annotations

import random
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from review.court import HERE, MODEL, NANOS_AN_ANSWER
from support import PATIENCE, until

from registry.api.docs import outcome_shapes, review_shapes
from registry.outcomes.rates import NANOS
from registry.outcomes.store import rows
from registry.review import rules

if TYPE_CHECKING:
    import subprocess

    from review.court import Court

AGAIN = f"helpful{rules.AGAIN}"
CALLS, AT_ONCE, KILLS = 70, 4, 6
ENOUGH = 10.0  # dollars for all calls, and for what the killed leave held
LONG = 8 * PATIENCE  # as a judge takes seconds to start
A_QUESTION = 220_000_000  # nano-dollars that are held for a call that is judged twice


def twice(calls: list[str]) -> set[str]:
    """The calls that are judged twice."""
    return {call for call in calls if rules.is_judged_twice(rows.call_key(call))}


def test_calls_are_judged_by_the_rubrics_of_their_versions(court: Court) -> None:
    """In each version's own words; one without a rubric is left alone, and nothing is asked again."""
    old, new, bare = (court.report(4, version=version) for version in ("1.0.0", "1.1.0", "1.2.0"))
    court.model.say = lambda said: "No." if "Does" in said else '{"pass": true, "score": 0.8}'
    done = court.judged()
    until(lambda: sum(map(len, court.scores().values())) == done["scores"], "the scores")
    scores = court.scores()

    for calls, value in ((old, 0.8), (new, 0.0)):
        for call in calls:
            names = ("helpful", AGAIN) if call in twice([call]) else ("helpful",)
            assert scores[call] == [(name, value) for name in names]
    assert [scores[call] for call in bare] == [[]] * 4
    assert done["outcomes"] == {"scored": 8, "nothing": 4}
    asked = len(court.model.asked)
    assert asked == done["scores"] == 8 + len(twice(old + new))
    assert done["usd"] == asked * NANOS_AN_ANSWER / NANOS
    assert court.judged()["outcomes"] == {}
    assert len(court.model.asked) == asked
    (score,) = court.api.get(f"{HERE}/calls/{new[0]}").json["scores"][:1]
    assert score["judge"] == MODEL
    open_ = court.reviewer.get(f"{HERE}/review").json
    assert {item["call"] for item in open_["data"]} >= set(new)


def test_claims_tell_what_calls_are_judged_by(court: Court) -> None:
    """As it is described; a judge of another make works by the same three requests."""
    (call,) = court.report(1)
    claims = court.judge.call("POST", f"{HERE}/scores/claims", {}).json
    outcome_shapes.Claims.model_validate(claims)
    (digest,) = claims["data"][0]["rubrics"]
    assert claims["rubrics"][digest].keys() == review_shapes.RUBRIC.keys()
    assert claims["rubrics"][digest]["name"] == "helpful"
    body = {"call": call, "lease": claims["lease"], "usd": 0.5, "max_usd_per_day": 1}
    held = court.judge.call("POST", f"{HERE}/scores/reservations", body)
    review_shapes.Reserved.model_validate(held.json)
    refused = court.judge.call("POST", f"{HERE}/scores/reservations", {**body, "usd": 0.6})
    assert (refused.status, refused.json["code"]) == (409, "budget_spent")
    assert refused.json["resets_at"].endswith("00:00:00Z")
    score = {"call": call, "name": "helpful", "value": 1, "judge": "mine", "rubric": digest}
    settled = {"call": call, "lease": claims["lease"], "outcome": "scored", "reservation": held.json["id"]}
    answer = court.judge.call(
        "POST", f"{HERE}/scores/settlements", {**settled, "usd": 0.2, "scores": [score]}
    )
    assert answer.json == {"accepted": 1, "refused": []}
    late = court.judge.call("POST", f"{HERE}/scores/reservations", body)
    assert (late.status, late.json["code"]) == (409, "lease_over")
    assert court.reviewer.call("POST", f"{HERE}/scores/claims", {}).status == 403

    agreements = until(lambda: court.reviewer.get(f"{HERE}/review/agreement").json, "the answer")
    review_shapes.Agreements.model_validate(agreements)


def test_a_guard_judges_both_arms_by_the_rubric_of_stable(court: Court) -> None:
    """The candidate's own rubric of that name does not count, as long as its rollout is under way."""
    court.api.act("promote", "summarize", {"version": "1.0.0"})
    guard = {"metrics": ["judge"], "judge": {"name": "helpful", "model": "openai/gpt-5.4"}}
    asked = {"version": "1.1.0", "steps": [{"percent": 50}], "guard": guard}
    started = court.api.act("start", "summarize", asked)
    assert started.status == 200, started.text
    rollout = started.json["state"]["rollout"]["id"]
    court.report(1, version="1.1.0", arm="canary", rollout=rollout)
    court.report(1, version="1.1.0")
    claims = court.judge.call("POST", f"{HERE}/scores/claims", {}).json

    seen = {
        call.get("rollout"): [claims["rubrics"][digest] for digest in call["rubrics"]]
        for call in claims["data"]
    }
    ((frozen,), (own,)) = seen[rollout], seen[None]
    assert (frozen["name"], frozen["check"]["type"], frozen["model"]) == (
        "helpful",
        "llm-rubric",
        "openai/gpt-5.4",
    )
    assert (own["name"], own["check"]["type"], own["model"]) == ("helpful", "llm", None)


def test_nonsense_is_no_score(court: Court) -> None:
    """It is counted, and named by doctor."""
    calls = court.report(25)
    court.model.say = lambda _: "I would rather not say."
    done = court.judged()

    assert done["outcomes"] == {"nonsense": 25}
    assert done["nonsense"] == 25 + len(twice(calls))
    assert set(map(len, court.scores().values())) == {0}
    assert "are no score" in court.api.get("/v1/doctor").text


def test_a_judge_without_a_model(court: Court) -> None:
    """It says what to do; no call is lost by it."""
    court.report(1)
    assert "names no model to judge; give --model" in court.run(code=1)
    assert "the price of openai/unheard-of is not known" in court.run("--model", "openai/unheard-of", code=1)
    assert court.model.asked == []


@pytest.mark.slow
def test_a_model_that_is_down(court: Court) -> None:
    """What could not be asked is said, costs nothing, and is judged later."""
    from suites.chat_model import refusal  # noqa: PLC0415

    court.report(2)
    court.model.script += [refusal(401)] * 2
    assert "2 calls were not judged" in court.run("--model", MODEL, code=1)
    with closing(sqlite3.connect(court.registry.data / "outcomes/main.sqlite")) as database:
        database.execute("update claims set until = 0")
        database.commit()
        assert database.execute("select spent, reserved, failed from judging").fetchall() == [(0, 0, 2)]

    assert court.judged()["outcomes"] == {"scored": 2}


def test_a_budget_of_nothing(court: Court) -> None:
    """Asks nothing, and says when there is more."""
    court.report(1)
    assert "the day's $0 are spent or held; more at" in court.run("--model", MODEL, "--max-usd-per-day", 0)
    assert court.model.asked == []


def test_a_judge_that_watches(court: Court) -> None:
    """Judges calls as they come, and ends in an orderly way."""
    judge = court.start("--watch", "--model", MODEL)
    (call,) = court.report(1)
    until(lambda: court.scores()[call], "the score", patience=2 * PATIENCE)
    judge.send_signal(signal.SIGTERM)

    assert judge.wait(PATIENCE) == 0


@pytest.mark.slow
@pytest.mark.parametrize("most", [2.5, 20.0])
def test_judges_that_are_killed(court: Court, most: float) -> None:
    """Three, killed at random: each call is judged once, and the day's money is kept to the cent."""
    calls, chance = court.report(CALLS), random.Random(11)
    wanted = len(calls) + len(twice(calls))
    options = ("--watch", "--model", MODEL, "--max-usd-per-day", most, "--concurrency", AT_ONCE)
    judges = [court.start(*options) for _ in range(3)]
    kills = 0
    while kills < KILLS and not _is_done(court, most):
        _wait_for_questions(court, kills * 10, most)
        victim = chance.randrange(3)
        _kill(judges[victim])
        judges[victim] = court.start(*options)
        kills += 1
    for judge in judges:
        _kill(judge)
    _end_claims(court)
    judges = [court.start(*options) for _ in range(3)]
    until(lambda: _is_done(court, most), "the rest", patience=LONG)
    for judge in judges:
        _kill(judge)

    assert kills >= 2
    assert len(court.model.asked) * NANOS_AN_ANSWER <= most * NANOS
    if most > ENOUGH:
        until(lambda: sum(map(len, court.scores().values())) == wanted, "all scores")
        # What was under way at a kill is asked again, and nothing else is.
        assert wanted <= len(court.model.asked) <= wanted + (kills + 3) * AT_ONCE * 2
    for call, scores in court.scores().items():
        names = [name for name, _ in scores]
        assert names in ([], ["helpful"], ["helpful", AGAIN])
        assert not names or (AGAIN in names) == (call in twice([call]))


def _wait_for_questions(court: Court, count: int, most: float) -> None:
    """Wait until so many were asked, or all is done."""
    until(lambda: len(court.model.asked) > count or _is_done(court, most), "questions", patience=LONG)


def _kill(judge: subprocess.Popen[str]) -> None:
    judge.kill()
    judge.wait()


def _is_done(court: Court, most: float) -> bool:
    """Whether all is judged, or no more money is there."""
    with closing(sqlite3.connect(court.registry.data / "outcomes/main.sqlite")) as database:
        days: list[Any] = database.execute("select spent, reserved from judging").fetchall()
        ((left,),) = database.execute("select count(*) from samples where judged = 0").fetchall()
    spent, reserved = days[0] if days else (0, 0)
    assert spent + reserved <= most * NANOS
    return not left or (most < ENOUGH and spent + reserved > most * NANOS - A_QUESTION)


def _end_claims(court: Court) -> None:
    """Let the leases of judges that are gone be over."""
    with closing(sqlite3.connect(court.registry.data / "outcomes/main.sqlite", timeout=PATIENCE)) as database:
        database.execute("update claims set until = 0")
        database.commit()
