"""Run suites: ask each case of each version, judge the answers, and ask again where a change is not clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from registry.suites.run.comparison import ROUNDS
from registry.suites.run.failure import AskFailed, Trouble
from registry.suites.run.trial import CaseResult, Trial
from registry.suites.run.workers import work_off

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from registry.suites.cases import Case
    from registry.suites.run.desk import Answered, Desk, Stop
    from registry.suites.run.request import Version

    Judge = Callable[[Case, Answered], Awaitable[Trial]]


@dataclass(slots=True)
class Subject:
    """A prompt whose suite is run.

    Attributes:
        candidate: the version that is tried.
        baseline: what it is compared with, by the same cases; None: nothing.
        results: one a case.
        judge: what the suite says of an answer.
    """

    candidate: Version
    baseline: Version | None
    results: Sequence[CaseResult]
    judge: Judge

    @classmethod
    def of(
        cls, candidate: Version, baseline: Version | None, cases: Iterable[Case], judge: Judge, repeat: int
    ) -> Subject:
        """Make a subject that nothing is known of yet; each case is to be tried `repeat` times a version."""
        results = [CaseResult(case, baseline is not None, repeat) for case in cases]
        return cls(candidate, baseline, results, judge)


class Job(NamedTuple):
    """One answer that is wanted."""

    subject: Subject
    result: CaseResult
    version: Version
    trials: list[Trial]
    repeat: int


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs suites.

    Attributes:
        desk: answers.
        workers: how many answers are got at the same time.
        stop: ends it early.
        on_done: called after each answer, with how many are still wanted.
    """

    desk: Desk
    workers: int
    stop: Stop
    on_done: Callable[[int], None]

    async def run(self, subjects: Sequence[Subject]) -> None:
        """Fill in the results of subjects. Raises Unavailable."""
        await self._work_off([(subject, subject.results, 0) for subject in subjects])
        if not self.stop.reason:
            await self._work_off([(subject, *_unclear(subject)) for subject in subjects])

    async def _work_off(self, wanted: Sequence[tuple[Subject, Sequence[CaseResult], int]]) -> None:
        """Get the answers to cases from a repeat on."""
        left = sum(_count(results, first) for _, results, first in wanted)

        async def one(job: Job) -> None:
            nonlocal left
            job.trials.append(await self._try(job))
            left -= 1
            self.on_done(left)

        jobs = (job for one_wanted in wanted for job in _jobs(*one_wanted))
        await work_off(jobs, one, self.workers, self.stop)

    async def _try(self, job: Job) -> Trial:
        try:
            request = job.version.request(job.result.case.vars)
            answered = await self.desk.answer(job.version.model, request, job.repeat)
            return await job.subject.judge(job.result.case, answered)
        except AskFailed as failed:
            return Trial(trouble=Trouble(failed.kind, failed.message))


def _unclear(subject: Subject) -> tuple[list[CaseResult], int]:
    """Want more trials of cases that seem to have changed, if there are repeats; and return from which."""
    found = [result for result in subject.results if result.is_flip and result.wanted > 1]
    first = found[0].wanted if found else 0
    for result in found:
        result.wanted *= ROUNDS
    return found, first


def _count(results: Iterable[CaseResult], first: int) -> int:
    return sum((result.wanted - first) * (1 + result.has_baseline) for result in results)


def _jobs(subject: Subject, results: Iterable[CaseResult], first: int) -> Iterator[Job]:
    """Yield what is wanted from a repeat on: a case with both versions, then the next one."""
    for result in results:
        for repeat in range(first, result.wanted):
            yield Job(subject, result, subject.candidate, result.candidate, repeat)
            if subject.baseline:
                yield Job(subject, result, subject.baseline, result.baseline, repeat)
