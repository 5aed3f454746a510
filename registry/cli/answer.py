"""A registry's answers and refusals, apart from the HTTP client, which is slow to import."""

from __future__ import annotations

from dataclasses import dataclass

READ_SECONDS = 15.0  # the slowest answer: a look at the repository, and a write behind other writes


class NoAnswer(Exception):
    """Nothing answered.

    Attributes:
        cause: what was in the way.
        remedy: what helps, if that follows from it; else empty.
        sent: whether the request may have arrived all the same.
    """

    def __init__(self, cause: str, remedy: str, *, sent: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        location: where a redirect points to, if it is one.
        retry_after: when to ask again, as the header says it.
    """

    status: int
    data: bytes
    location: str
    retry_after: str = ""
