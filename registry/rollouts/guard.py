"""The guard of a rollout: the rules by which it is judged, fixed at its start. Pure.

Nothing of it changes afterwards, but for constants that could not be known yet, each of which is set once
(`calibrate`), and for what people acknowledge.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, Field

from registry.errors import Invalid
from registry.policies.guard import (
    FLAG_TOLERANCE,
    TOLERANCES,
    GuardOptions,
    GuardRules,
    Judge,
    OnHarm,
    OnNoData,
    OnSmall,
)
from registry.rollouts.frozen import Frozen, unless_empty, unless_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_EVIDENCE = 4096  # bytes of JSON in the record of a change: a page of history stays small
WINDOW = "window"  # the constant that every guard needs: the seconds after its start that a call counts
CONSTANTS = ("latency", "ttft", "cost")  # the metrics that are compared with a constant


class Constant(Frozen):
    """What a metric is compared with, measured on arm `stable` before.

    Attributes:
        value: of ``latency`` and ``ttft`` a p95 in ms; of ``cost`` the mean in micro-dollars; of ``window``
            seconds.
        cap: of ``cost``: greater values count as this, in micro-dollars.
        since: the metric counts only calls that started after; absent: it was known at the start.
    """

    value: float
    cap: float | None = unless_none()
    since: AwareDatetime | None = unless_none()


class Guard(Frozen):
    """The rules by which a rollout is judged.

    Attributes:
        alpha: how often a candidate that is no worse may be called harmful, all metrics together.
        metrics: what is compared; ``srm`` always is, and is not among them.
        on_harm, on_no_data, on_small: what happens then.
        minimum: units of each arm, over the whole rollout, before a step advances by itself.
        max_wait: how many times its hold a step waits for them.
        tolerance: by metric: the ratio that is tolerated; of a mean the rise, as a share of it.
        tokens: ids or names of the tokens whose reports count; None: all.
        judge: the scores of the metric ``judge``.
        constants: by metric, and that of `WINDOW`.
        paused_for: metrics on whose harm it was paused, until it is resumed.
        acknowledged: metrics whose harm people have seen and accepted, by resuming it.
    """

    alpha: float = 0.05
    metrics: tuple[str, ...] = ("errors",)
    on_harm: OnHarm = "rollback"
    on_no_data: OnNoData = "hold"
    on_small: OnSmall = "hold"
    minimum: int = 100
    max_wait: float = 3.0
    tolerance: dict[str, float] = Field(default_factory=dict)
    tokens: tuple[str, ...] | None = unless_empty()
    judge: Judge | None = unless_none()
    constants: dict[str, Constant] = Field(default_factory=dict)
    paused_for: tuple[str, ...] = unless_empty(())
    acknowledged: tuple[str, ...] = unless_empty(())

    @property
    def needed(self) -> tuple[str, ...]:
        """The constants that it needs, known or not."""
        return (WINDOW, *(name for name in CONSTANTS if name in self.metrics))

    @property
    def unknown(self) -> tuple[str, ...]:
        """The constants that it needs, and that are not known yet."""
        return tuple(name for name in self.needed if name not in self.constants)

    def knowing(self, constants: Mapping[str, Constant]) -> Guard:
        """The same with constants; those that it does not need, or knows already, change nothing."""
        fresh = {name: constants[name] for name in self.unknown if name in constants}
        return self.model_copy(update={"constants": self.constants | fresh}) if fresh else self

    def paused(self, harm: Iterable[str]) -> Guard:
        """The same, paused on the harm of metrics."""
        fresh = tuple(name for name in harm if name not in self.paused_for)
        return self.model_copy(update={"paused_for": self.paused_for + fresh}) if fresh else self

    def resumed(self) -> Guard:
        """The same, with the harm that it was paused for acknowledged."""
        fresh = tuple(name for name in self.paused_for if name not in self.acknowledged)
        update = {"acknowledged": self.acknowledged + fresh, "paused_for": ()}
        return self.model_copy(update=update) if self.paused_for else self


def build(asked: GuardOptions | bool | None, rules: GuardRules | None) -> Guard | None:
    """Build the guard of a start; None: it has none.

    Args:
        asked: what the request says; None: nothing.
        rules: what the operator says for the environment; None: nothing.

    Raises:
        Invalid: the metric ``judge`` without saying which scores.
    """
    wanted = asked if asked is not None else rules is not None and (rules.required or rules.default)
    if wanted is False:
        return None
    said = _merged(rules, asked if isinstance(asked, GuardOptions) else None)
    guard = Guard.model_validate(said)
    if "judge" in guard.metrics and guard.judge is None:
        raise Invalid(
            'guard.judge: the metric judge needs the scores that count, such as {"name": "helpful"}'
        )
    tolerance = {
        name: guard.tolerance.get(name, TOLERANCES.get(name, FLAG_TOLERANCE)) for name in guard.metrics
    }
    judge = guard.judge if "judge" in guard.metrics else None
    return guard.model_copy(update={"tolerance": tolerance, "judge": judge})


def _merged(*options: GuardOptions | None) -> dict[str, Any]:
    """Merge what is said, the later over the earlier; tolerances one by one."""
    found: dict[str, Any] = {}
    for one in options:
        said = one.given() if one else {}
        found |= said | {"tolerance": found.get("tolerance", {}) | said.get("tolerance", {})}
    return found


def loosened(asked: GuardOptions | bool | None, rules: GuardRules | None) -> str:
    """Return in which way a request takes back what the environment requires; empty: in none.

    Where a guard is required, a request may add metrics, and no more.
    """
    if rules is None or not rules.required or asked is None or asked is True:
        return ""
    if asked is False:
        return "guard: a rollout is guarded here; leave it out"
    required = build(True, rules) or Guard()
    said = asked.given()
    if missing := set(required.metrics) - set(said.pop("metrics", required.metrics)):
        return f"guard.metrics: {', '.join(sorted(missing))} is required here; name it, too"
    tolerance = said.pop("tolerance", {})
    said |= {f"tolerance.{name}": value for name, value in tolerance.items() if name in required.tolerance}
    if required.judge is None:
        said.pop("judge", None)
    present = required.model_dump() | {f"tolerance.{name}": v for name, v in required.tolerance.items()}
    other = next((name for name, value in said.items() if value != present.get(name)), None)
    return f"guard.{other}: what the environment says holds here; leave it out" if other else ""


def size(evidence: Mapping[str, Any]) -> int:
    """Return the bytes of evidence in the record of a change."""
    return len(json.dumps(evidence, separators=(",", ":"), allow_nan=False))


def check_evidence(evidence: Mapping[str, Any] | None) -> None:
    """Require that evidence fits into the record of a change. Raises Invalid."""
    if evidence is not None and (found := size(evidence)) > MAX_EVIDENCE:
        raise Invalid(f"evidence: at most {MAX_EVIDENCE} bytes of JSON, not {found}")
