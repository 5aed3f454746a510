"""What a run may cost, and what it did. Pure.

Money is in nano-dollars. Before a question is sent its price is estimated and set aside, so that questions
under way together stay below the limit, too; what it really cost takes the place of that.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.outcomes.rates import NANOS


@dataclass(slots=True)
class Budget:
    """A run's money.

    Attributes:
        limit: the most that may be spent; 0: nothing may be asked.
        spent: by the answers so far.
        set_aside: for questions under way.
        unpriced: answers of models whose price is not known, which the limit does not see.
    """

    limit: int
    spent: int = 0
    set_aside: int = 0
    unpriced: int = 0

    @classmethod
    def of(cls, dollars: float) -> Budget:
        """Make a budget of US dollars."""
        return cls(round(dollars * NANOS))

    def take(self, estimate: int) -> bool:
        """Set money aside for a question; False: there is not enough left."""
        if self.limit == 0 or self.spent + self.set_aside + estimate > self.limit:
            return False
        self.set_aside += estimate
        return True

    def give_back(self, estimate: int) -> None:
        """Return what was set aside for a question that has ended."""
        self.set_aside -= estimate

    def pay(self, cost: int | None) -> None:
        """Count an answer; None: its price is not known."""
        if cost is None:
            self.unpriced += 1
        else:
            self.spent += cost
