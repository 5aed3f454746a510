"""The events that an operator can be notified of, and the patterns that choose among them."""

from __future__ import annotations

from fnmatch import fnmatchcase

EVENTS = {
    "rollout.start": "a rollout began",
    "rollout.advance": "it went to its next step, or was completed by it",
    "rollout.pause": "it was paused",
    "rollout.resume": "it goes on",
    "rollout.promote": "a version is in force for all",
    "rollout.rollback": "the version before is in force again",
    "approval.waiting": "a start or promote waits for another token",
    "approval.approve": "it was approved, and done",
    "approval.reject": "it was rejected, or taken back",
    "guard.rollback": "the guard saw harm, and took the candidate back",
    "guard.pause": "the guard saw harm, and paused the rollout",
    "guard.harm": "the guard saw harm, and was told to notify of it alone",
    "guard.waiting": "a guarded step waits although its hold is over, once for each reason",
    "suite.passed": "it was attested that a version's suite passed",
    "suite.failed": "it was attested that it failed, with the cases that regressed",
    "suite.override": "a start or promote went past the suite, and why",
    "budget.reached": "a share of a budget was spent",
    "budget.unpriced": "over 5 % of a budget's calls have no known cost",
    "alert.firing": "a metric is above its limit",
    "alert.resolved": "it is not any more",
    "tag.invalid": "a new tag makes a version that cannot be served",
    "review.waiting": "calls wait for people to review them, once a day for each environment",
    "test": "`promptstage notify test` was run",
}
GROUPS = ("rollout", "approval", "guard", "budget", "alert", "tag", "suite", "review")


def check_pattern(pattern: str) -> str:
    """Return a pattern that names an event or a group of them. Raises ValueError for any other."""
    known = pattern in {"*", *EVENTS, *(f"{group}.*" for group in GROUPS)}
    if not known:
        groups = ", ".join(f"{group}.*" for group in GROUPS)
        raise ValueError(f"{pattern!r} is no event; write an event's name, or one of {groups}, *")
    return pattern


def chosen(kind: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of the patterns names an event of this kind."""
    return any(fnmatchcase(kind, pattern) for pattern in patterns)
