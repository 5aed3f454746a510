"""What did not go well with an answer: a check that it did not pass, or that there is none. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What went wrong with one question; none of them says anything of the prompt's quality."""

    RENDERING = "rendering"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    CUT_OFF = "cut_off"
    BAD_ANSWER = "bad_answer"
    BAD_JUDGE = "bad_judge"
    BAD_CHECK = "bad_check"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Failed:
    """A check that did not pass, and why."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no verdict: the kind for programs, and a sentence."""

    kind: Kind
    message: str


class AskFailed(Exception):
    """A question has no answer.

    Attributes:
        kind: what went wrong, for programs.
        message: the same for people.
        may_pass: whether another try may go well.
        retry_after: the seconds until then, if the endpoint named them.
    """

    def __init__(
        self, kind: Kind, message: str, *, may_pass: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.may_pass = may_pass
        self.retry_after = retry_after
