"""What is odd about judges: they contradict themselves, always say the same, or answer nonsense. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from registry.doctor.checks import Check
from registry.review import agreement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.outcomes.store.judged import Judge, Usual

LEAST_PAIRS = 20  # judged twice, below which chance explains much
CONTRADICTS = 0.05  # of them: more is too many, if even the low end of the interval is above
LEAST_SCORES = 100  # that are all alike before that is odd
LEAST_ANSWERS = 20
NONSENSE = 0.05  # of the answers
AGREEMENT = "compare it with people: promptstage review --agreement -e {environment}"


def contradictions(environment: str, twice: Iterable[tuple[Judge, float, float]]) -> Iterator[Check]:
    """Report judges that call good what they called bad, by calls that they judged twice."""
    ordered = sorted(twice, key=lambda one: (one[0].name, one[0].judge))
    for (name, judge), group in groupby(ordered, key=lambda one: (one[0].name, one[0].judge)):
        found = agreement.twice((first, second) for _, first, second in group)
        if found["pairs"] >= LEAST_PAIRS and found["interval"][0] > CONTRADICTS:
            message = (
                f"{judge} contradicts itself in {environment} by {name}: on {found['differ']} of "
                f"{found['pairs']} calls that it judged twice"
            )
            remedy = (
                "say in the rubric what is good and what is bad, with an example of each, or take another "
                f"model; {AGREEMENT.format(environment=environment)}"
            )
            yield Check("judge", "warning", message, remedy)


def monotony(environment: str, usual: Iterable[Usual]) -> Iterator[Check]:
    """Report judges that always say the same."""
    for one in usual:
        if one.scores >= LEAST_SCORES and one.least == one.most:
            who = f"{one.judge or 'a judge'} in {environment}"
            message = f"{who} gave each of {one.scores} calls the same {one.name}: {one.least:g}"
            yield Check("judge", "warning", message, AGREEMENT.format(environment=environment))


def nonsense(environment: str, scored: int, answers: int) -> Iterator[Check]:
    """Report that answers of judge models were no scores."""
    if answers + scored >= LEAST_ANSWERS and answers > NONSENSE * (answers + scored):
        message = f"{answers} answers of judge models in {environment} are no score; {scored} calls have one"
        remedy = "let the rubric ask for one of its choices, or for nothing but what llm-rubric asks for"
        yield Check("judge", "warning", message, remedy)
