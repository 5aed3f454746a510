"""What a proof says: what was injected, how often, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table.

    Attributes:
        what: the fault, in a few words.
        injected: how often it really happened.
        lost: acknowledged things that were gone or doubled afterwards.
        wrong: answers or states that were not what they must be.
        stale: what was right but too late.
        note: a figure worth knowing.
        void: why nothing was proven, if so: too little happened, or a tool is missing.
    """

    what: str
    injected: int
    lost: int = 0
    wrong: int = 0
    stale: int = 0
    note: str = ""
    void: str = ""

    @property
    def verdict(self) -> str:
        """``held``, ``broken``, or ``void``, which is no success."""
        if self.void or not self.injected:
            return "void"
        return "broken" if self.lost or self.wrong or self.stale else "held"


def at_least(result: Result, injected: int) -> Result:
    """The result, void if the fault happened less often than that."""
    if result.injected >= injected:
        return result
    return Result(result.what, result.injected, void=f"{result.injected} of {injected} only")
