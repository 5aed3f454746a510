"""Which calls are queued, by their ids and by what is said of them."""

from __future__ import annotations

import pytest
from outcomes_in import uuid7

from registry.outcomes.store.rows import call_key
from registry.review import rules

CALLS = [call_key(uuid7(1_796_000_000_000 + n)) for n in range(20_000)]


def of(sampled: bool) -> bytes:
    """A call that is queued by chance, or is not."""
    return next(call for call in CALLS if rules.is_sample(call) == sampled)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), 0),
        ((("feedback", "up", None), ("feedback", "accepted", None), ("score", "tone", 0.5)), 0),
        ((("feedback", "down", None),), rules.DOWN),
        ((("feedback", "edited", None), ("flag", "late", None)), rules.EDITED | rules.FLAG),
        ((("score", "tone", 0.49), ("score", "facts", 1.0)), rules.SCORE),
        ((("feedback", "value", 0.1),), 0),
    ],
)
def test_what_puts_a_call_into_the_queue(said: tuple[rules.Said, ...], expected: int) -> None:
    """A low score, feedback that says something was wrong, and a flag; any number of them."""
    assert rules.reasons(of(sampled=False), said) == expected
    assert rules.reasons(of(sampled=True), said) == expected | rules.SAMPLE


def test_one_in_fifty_of_the_others_is_queued() -> None:
    """And one in twenty judged twice; neither depends on the other, nor on the place in line."""
    sampled = [call for call in CALLS if rules.is_sample(call)]
    twice = [call for call in CALLS if rules.is_judged_twice(call)]
    first_half = [call for call in sampled if rules.place(call) < 1 << 62]

    assert len(sampled) == pytest.approx(len(CALLS) / rules.ONE_IN, rel=0.25)
    assert len(twice) == pytest.approx(len(CALLS) / rules.TWICE_ONE_IN, rel=0.15)
    assert len(set(sampled) & set(twice)) < len(sampled) / 4
    assert len(first_half) == pytest.approx(len(sampled) / 2, rel=0.25)


def test_the_choice_is_the_same_for_ever() -> None:
    """By the id alone: a registry of another version decides alike."""
    call = call_key("01a22a48-7c7e-77a6-be04-64309570d22b")

    assert (rules.place(call), rules.is_sample(call), rules.is_judged_twice(call)) == (
        1633454670755007541,
        False,
        False,
    )


def test_the_chance_of_being_queued() -> None:
    """Whatever speaks against a call makes it certain; what a person chose says nothing of the others."""
    assert rules.chance(rules.SAMPLE) == 1 / 50
    assert rules.chance(rules.SAMPLE | rules.SCORE) == rules.chance(rules.FLAG) == 1
    assert rules.chance(rules.CHOSEN) is None
    assert rules.chance(rules.CHOSEN | rules.SAMPLE) == 1 / 50


def test_reasons_do_not_tell_of_scores() -> None:
    """Whoever labels a call is not to know what the judge said."""
    assert rules.shown(rules.SCORE | rules.DOWN, scores=False) == ["down"]
    assert rules.shown(rules.SCORE | rules.DOWN, scores=True) == ["score", "down"]
