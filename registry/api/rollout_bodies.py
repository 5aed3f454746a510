"""The bodies of the actions on rollouts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from registry.api.docs import examples
from registry.api.http.dependencies import MAX_REASON
from registry.policies.guard import GuardOptions
from registry.rollouts.state import MAX_STEPS, MAX_TARGETS, Step, Target

PlanName = Literal["careful", "standard", "fast"]


def _kind(value: object) -> str:
    return YES_OR_NO if isinstance(value, bool) else OPTIONS


YES_OR_NO, OPTIONS = "<bool>", "<options>"  # no keys of a body, so they are not named in an error
Guarding = Annotated[
    Annotated[bool, Tag(YES_OR_NO)] | Annotated[GuardOptions, Tag(OPTIONS)], Discriminator(_kind)
]


class Expect(BaseModel):
    """The state that the caller saw: if it has changed, nothing is done (409 `changed`)."""

    model_config = ConfigDict(extra="forbid")

    rollout: str | None = None
    stable: str | None = None
    awaiting_approval: str | None = Field(default=None, description="the id of the request")


class Plain(BaseModel):
    """The body of every action."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.PLAIN]})

    reason: str = Field(default="", max_length=MAX_REASON)
    expect: Expect = Expect()


class Override(BaseModel):
    """What a start or promote goes past, and why; it stands in the history, and before whoever approves."""

    model_config = ConfigDict(extra="forbid")

    suite: str = Field(
        min_length=1, max_length=MAX_REASON, description="why no attestation of its suite is needed"
    )


class Promote(Plain):
    """Put a version in force for all; without one, complete the active rollout."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.PROMOTE]})

    version: str | None = Field(default=None, description="a version, or `latest`")
    force: bool = Field(
        default=False,
        strict=True,
        description="accept a version that needs variables which stable does not, or newer clients",
    )
    override: Override | None = Field(default=None, description="of what the environment requires")


class Start(Plain):
    """Start a rollout by a named plan (the default is `standard`) or by steps of your own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [examples.START, examples.START_STEPS, examples.START_GUARDED]},
    )

    version: str = Field(description="a version, or `latest`")
    plan: PlanName | None = None
    steps: tuple[Step, ...] | None = Field(default=None, max_length=MAX_STEPS)
    audience: tuple[Target, ...] = Field(default=(), max_length=MAX_TARGETS)
    force: bool = Field(
        default=False,
        strict=True,
        description="accept a version that needs variables which stable does not, or newer clients",
    )
    override: Override | None = Field(default=None, description="of what the environment requires")
    guard: Guarding | None = Field(
        default=None,
        description="whether its calls judge it, and by which rules; absent: as the environment has it",
    )
