"""The state of one prompt in one environment, as stored in the journal and shown by the API."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    field_validator,
)

from registry.errors import Invalid
from registry.rollouts.frozen import Frozen, unless_empty, unless_none
from registry.rollouts.guard import Guard  # noqa: TC001 - pydantic reads the annotations
from registry.rollouts.position import Position
from registry.rollouts.schedule import held, parse_hold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MAX_STEPS = 50  # far more than any rollout needs
MAX_TARGETS = 100  # every client evaluates them at every call
MAX_VALUES = 1000  # a release is sent whole to every client
MAX_TEXT = 200
RECENT = 3  # versions kept for conversations that began with them: a release has their documents too


def _three_decimals(percent: object) -> object:
    # Before pydantic's own check, which would accept True and "10" as numbers.
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        raise ValueError("percent is a number from 0 to 100, such as 5 or 0.5")  # noqa: TRY004 - pydantic's protocol
    exponent = Decimal(str(percent)).normalize().as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -3:  # noqa: PLR2004 - the three of the name
        raise ValueError("percent has at most three decimals")
    return percent


Percent = Annotated[int | float, BeforeValidator(_three_decimals), Field(ge=0, le=100, allow_inf_nan=False)]


class Step(Frozen):
    """A share of users, and how long it is held before the rollout advances by itself."""

    percent: Percent = Field(description="the share of users, 0-100, at most three decimals")
    hold: str | None = unless_none(
        "such as 30s, 10m, 4h or 2d: when that is over the rollout advances by itself, into 100 percent too; "
        "without one it waits for a person"
    )

    @field_validator("hold")
    @classmethod
    def _hold_is_a_time(cls, hold: str | None) -> str | None:
        if hold is not None:
            parse_hold(hold)
        return hold


class Condition(Frozen):
    """An attribute of the caller and the values, as strings, that satisfy it."""

    attribute: str = Field(min_length=1, max_length=MAX_TEXT)
    values: tuple[Annotated[str, Field(max_length=MAX_TEXT)], ...] = Field(
        alias="in", min_length=1, max_length=MAX_VALUES
    )


class Target(Frozen):
    """Conditions that must all hold for a caller to get the candidate, whatever the share."""

    when: tuple[Condition, ...] = Field(min_length=1, max_length=MAX_TARGETS)


class VersionRef(Frozen):
    """A state's reference to a version: with its digest, so that its bytes are fixed for ever."""

    version: str
    digest: str
    commit: str


class Rollout(Frozen):
    """A prompt on its way from stable to candidate.

    `advances_at` is null while a step waits for a person; `remaining` (seconds) is present only while a
    timed step is paused. With a `guard` (else absent) `advances_at` says when the hold is over, and the step
    advances by itself from then on, when what is known of its calls allows it.
    """

    id: str
    salt: str
    state: Literal["running", "paused"]
    candidate: VersionRef
    steps: tuple[Step, ...]
    step: int
    entered_at: AwareDatetime
    advances_at: AwareDatetime | None = None
    audience: tuple[Target, ...] = ()
    remaining: float | None = unless_none()
    guard: Guard | None = unless_none()

    @property
    def percent(self) -> int | float:
        """The share of users at the present step, in percent."""
        return self.steps[self.step].percent

    def left(self, now: datetime) -> float | None:
        """Return the seconds left of a timed step: at most its hold, even if the clock was set back."""
        if self.advances_at is None:
            return None
        hold = held(self.steps[self.step])
        left = self.advances_at - now
        return max(0.0, (left if hold is None else min(left, hold)).total_seconds())


class ApprovalRequest(Frozen):
    """A requested start or promote, which another token must approve.

    `version` is the version that it would serve or start (for a promote without a version, the
    candidate); `steps`, `audience` and `guard` (else absent) are those of a start; `token` is the id of the
    requesting token. `override` (else absent) has what it goes past, and why.
    """

    id: str
    op: Literal["start", "promote"]
    version: VersionRef
    steps: tuple[Step, ...] = ()
    audience: tuple[Target, ...] = ()
    force: bool = False
    reason: str = ""
    asked_by: str
    token: str
    asked_at: AwareDatetime
    guard: Guard | None = unless_none()
    override: dict[str, str] | None = unless_none()


class State(Frozen):
    """The state of one prompt in one environment; `epoch` and `seq` are those of its last change.

    `awaiting_approval` is present only while a request waits; the release does not depend on it. `recent`
    has the versions that were `resumable` before the last change of those in force, if there were any.
    """

    environment: str
    prompt: str
    epoch: int = 0
    seq: int = 0
    stable: VersionRef | None = None
    previous: VersionRef | None = None
    rollout: Rollout | None = None
    recent: tuple[VersionRef, ...] = unless_empty(())
    awaiting_approval: ApprovalRequest | None = unless_none()

    @property
    def position(self) -> Position:
        """The position of its last change; the greater of two states' positions is the newer."""
        return Position(self.epoch, self.seq)

    @property
    def stable_version(self) -> str | None:
        """The version served outside the rollout, if any is in force."""
        return None if self.stable is None else self.stable.version

    @property
    def rollout_id(self) -> str | None:
        """The id of the active rollout, if there is one."""
        return None if self.rollout is None else self.rollout.id

    @property
    def versions(self) -> tuple[VersionRef, ...]:
        """Return the versions that are in force, being rolled out, or requested."""
        candidate = self.rollout and self.rollout.candidate
        asked = self.awaiting_approval and self.awaiting_approval.version
        return tuple(ref for ref in (self.stable, candidate, asked) if ref)

    @property
    def resumable(self) -> tuple[VersionRef, ...]:
        """The versions that conversations may go on with, besides stable and candidate: the last one first.

        A state of before `recent` has `previous` alone, which is never a withdrawn version.
        """
        found = {ref.version: ref for ref in (self.previous, *self.recent) if ref}
        for ref in (self.stable, self.rollout and self.rollout.candidate):
            if ref:
                found.pop(ref.version, None)
        return tuple(found.values())[:RECENT]

    @property
    def tag(self) -> str:
        """The value of ETag and If-Match, without quotes."""
        return str(self.position)


def _steps(*pairs: tuple[int, str | None]) -> tuple[Step, ...]:
    return tuple(Step(percent=percent, hold=hold) for percent, hold in pairs)


PLANS: dict[str, tuple[Step, ...]] = {
    "careful": _steps((1, "24h"), (5, "24h"), (10, "24h"), (25, "48h"), (50, "48h"), (100, None)),
    "standard": _steps((5, "12h"), (25, "24h"), (50, "24h"), (100, None)),
    "fast": _steps((10, "4h"), (50, "8h"), (100, None)),
}


def check_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Check a list of steps.

    Raises:
        Invalid: none or too many, not strictly rising, or a hold on the last step without effect.
    """
    if not 1 <= len(steps) <= MAX_STEPS:
        raise Invalid(f"steps: give 1 to {MAX_STEPS} steps")
    for i in range(1, len(steps)):
        if steps[i].percent <= steps[i - 1].percent:
            raise Invalid(
                f"steps.{i}.percent: {steps[i].percent} does not rise above {steps[i - 1].percent}; "
                "to narrow a rollout, roll back and start again"
            )
    if steps[-1].hold is not None:
        raise Invalid(
            f"steps.{len(steps) - 1}.hold: nothing follows the last step; drop its hold or end with 100"
        )
    return tuple(steps)
