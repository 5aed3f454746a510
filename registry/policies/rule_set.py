"""The tables of the operator's file; where nothing is said, there is no rule."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from registry.policies.fields import Rule, Share
from registry.policies.guard import GuardRules  # noqa: TC001 - pydantic reads the annotations
from registry.policies.spending import MAX_RULES, Alert, Budget
from registry.policies.suite import SuiteRules
from registry.policies.targets import Target  # noqa: TC001 - pydantic reads it


class Content(Rule):
    """The share of conversations of which clients report what was written and answered: 0 to 1."""

    sample: Share = 0.0


class EnvironmentRules(Rule):
    """The rules of one environment.

    With `approval`, a start or promote takes a second token; with `guard`, a rollout is judged by its calls;
    with `suite`, a version needs an attestation of its own.
    """

    approval: bool = False
    content: Content = Content()
    guard: GuardRules | None = None
    suite: SuiteRules = SuiteRules()


class Protocols(Rule):
    """Which other systems' clients are served, beside our own."""

    langfuse: bool = False
    litellm: bool = False
    mcp: bool = False
    ofrep: bool = False


class Rules(Rule):
    """All rules of the file."""

    environments: dict[str, EnvironmentRules] = Field(default_factory=dict)
    budgets: Annotated[tuple[Budget, ...], Field(strict=False, max_length=MAX_RULES)] = ()
    alerts: Annotated[tuple[Alert, ...], Field(strict=False, max_length=MAX_RULES)] = ()
    notify: dict[str, Target] = Field(default_factory=dict)
    protocols: Protocols = Protocols()

    def of(self, environment: str) -> EnvironmentRules:
        """The rules of an environment."""
        return self.environments.get(environment) or EnvironmentRules()

    def linked(self, home: str) -> Rules:
        """Return them with the registry's address, for links in notifications."""
        return self.model_copy(
            update={"notify": {name: target.linked(home) for name, target in self.notify.items()}}
        )
