"""Whether the attestations of a version let it into an environment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from registry.system.text import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from registry.policies.suite import SuiteRules
    from registry.suites.attestation import Attestation

CLOCK_ERROR = timedelta(days=1)  # the most that two clocks may differ: more than any mistaken time zone
SHOWN = 19  # characters of a digest in a message: its kind, and twelve digits
OVERRIDE = "override it, with a reason"
NAMED = 5  # regressed cases in a message; the answer lists all


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be started or promoted, and by whom.

    Attributes:
        prompt, version: its name.
        digest: of its file.
        suite: the digest of its suite; None: it has no cases.
        model: as its file names it; None: it names none, so any may have been asked.
        environment: where.
        stable: the version in force there; None: none.
        token, name: those of the token that starts it, or that requested it.
    """

    prompt: str
    version: str
    digest: str
    suite: str | None
    model: str | None
    environment: str
    stable: str | None
    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it is refused.

    Attributes:
        code: `suite_required`: no attestation counts; or `suite_failed`: the one that counts says so.
        message: for people, with what to do.
        attestation: the one that says that the suite failed.
    """

    code: str
    message: str
    attestation: Attestation | None = None

    @property
    def regressed(self) -> tuple[str, ...]:
        """The ids of the cases on which a suite that failed regressed."""
        return self.attestation.regressed if self.attestation else ()


def decide(
    found: Iterable[Attestation], subject: Subject, rules: SuiteRules, now: datetime
) -> Attestation | Refusal:
    """Return the attestation that lets a version in, or why none does.

    Of those that count the newest decides, whoever made it.

    Args:
        found: the attestations of its digest.
        subject: what is to be started or promoted.
        rules: those of the environment.
        now: the time of the change.
    """
    name = f"{subject.prompt}@{subject.version}"
    if subject.suite is None:
        return Refusal(
            "suite_required",
            f"{name} has no cases, and {subject.environment} requires a suite; add some, or {OVERRIDE}",
        )
    newest_first = sorted(found, key=lambda one: one.seq, reverse=True)
    counting = (one for one in newest_first if not why_not(one, subject, rules, now))
    decisive = next(counting, None)
    if decisive is None:
        return Refusal("suite_required", _missing(name, newest_first, subject, rules, now))
    if decisive.result == "failed":
        return Refusal("suite_failed", _failed(name, decisive), decisive)
    return decisive


def why_not(one: Attestation, subject: Subject, rules: SuiteRules, now: datetime) -> str:
    """Return why an attestation of the version's digest does not count, as in "is for"; empty: it does."""
    if one.suite != subject.suite:
        suite = (subject.suite or "")[:SHOWN]
        return f"is for another suite ({one.suite[:SHOWN]}…, and its own is {suite}…)"
    if subject.model is not None and one.model != subject.model:
        return f"is for the model {one.model}, not {subject.model}"
    if one.against != subject.stable:
        present = f"{subject.stable} is stable" if subject.stable else "nothing is in force"
        return f"compares it with {one.against or 'nothing'}, and {present} now"
    return _why_not_by(one, subject, rules) or _why_not_at(one, rules, now)


def _why_not_by(one: Attestation, subject: Subject, rules: SuiteRules) -> str:
    if rules.attesters is not None and not {one.by, one.token} & set(rules.attesters):
        return f"is not by one of the attesters ({', '.join(rules.attesters)})"
    if one.environments and subject.environment not in one.environments:
        return f"is by a token for {', '.join(one.environments)} only"
    # A renewed token is another one, of the same name and so of the same person.
    if one.token == subject.token or skeleton(one.by) == skeleton(subject.name):
        return "is by the one who starts it; another token must attest it"
    return ""


def _why_not_at(one: Attestation, rules: SuiteRules, now: datetime) -> str:
    if one.at - now > CLOCK_ERROR:
        return f"was made at {_time(one.at)}, which is in the future: see that the registry's clock is right"
    if rules.longest is not None and now - one.at > rules.longest:
        return f"is older than {rules.max_age}"
    return ""


def _missing(
    name: str, newest_first: list[Attestation], subject: Subject, rules: SuiteRules, now: datetime
) -> str:
    against = f"--against {subject.stable} " if subject.stable else ""
    remedy = f"have it attested: promptstage eval {subject.prompt} {against}--attest; or {OVERRIDE}"
    if not newest_first:
        return f"{name} has no attestation of its suite, which {subject.environment} requires; {remedy}"
    newest = newest_first[0]
    why = why_not(newest, subject, rules, now)
    return (
        f"{name} has no attestation that counts in {subject.environment}: the newest, by {newest.by} at "
        f"{_time(newest.at)}, {why}; {remedy}"
    )


def _failed(name: str, one: Attestation) -> str:
    said = f"{name} failed its suite: {one.passed} of {one.cases} cases passed"
    if one.regressed:
        others = len(one.regressed) - NAMED
        more = f" and {others} more" if others > 0 else ""
        said += f", and it regressed on {', '.join(one.regressed[:NAMED])}{more}"
    by = f"attested by {one.by} at {_time(one.at)}"
    return f"{said} ({by}); mend it, and have the new version attested; or {OVERRIDE}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
