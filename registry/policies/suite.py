"""What an environment requires of a version's suite before the version is started or promoted.

[environments.production.suite]
required = true
max_age = "90d"          # of an attestation; without it, it counts for ever
attesters = ["ci"]       # the names or ids of tokens; without it, every token with `attest`
"""

from __future__ import annotations

from datetime import timedelta  # noqa: TC003 - the type of a property
from typing import Annotated

from pydantic import AfterValidator, Field

from registry.policies.fields import Rule, Text
from registry.system import durations

MAX_ATTESTERS = 100


def _duration(text: str) -> str:
    durations.parse(text)
    return text


class SuiteRules(Rule):
    """Which attestations let a version into an environment."""

    required: bool = False
    max_age: Annotated[str, AfterValidator(_duration)] | None = None
    attesters: (
        Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=MAX_ATTESTERS)] | None
    ) = None

    @property
    def longest(self) -> timedelta | None:
        """How old an attestation may be; None: of any age."""
        return durations.parse(self.max_age) if self.max_age else None
