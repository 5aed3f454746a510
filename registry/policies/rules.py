"""The tables of the operator's file; where nothing is said, there is no rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from registry.policies.fields import Number, Rule
from registry.policies.guard import GuardRules  # noqa: TC001 - pydantic reads the annotations


class Content(Rule):
    """The share of conversations of which clients report what was written and answered: 0 to 1."""

    sample: Annotated[Number, Field(ge=0, le=1)] = Decimal(0)


class EnvironmentRules(Rule):
    """The rules of one environment.

    With `approval`, a start or promote takes a second token; with `guard`, a rollout is judged by its calls.
    """

    approval: bool = False
    content: Content = Content()
    guard: GuardRules | None = None


class Rules(Rule):
    """All rules of the file."""

    environments: dict[str, EnvironmentRules] = Field(default_factory=dict)

    def of(self, environment: str) -> EnvironmentRules:
        """The rules of an environment."""
        return self.environments.get(environment) or EnvironmentRules()
