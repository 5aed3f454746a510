"""Build a release from a state: the rules that clients evaluate, and the documents they can choose."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from promptstage.evaluation import BUCKETS
from promptstage.model import ALGORITHM, Condition, Release, Slot, Split, Target
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Served
    from registry.rollouts.state import Rollout, State, VersionRef


def build(state: State, load: Callable[[str, VersionRef], Served]) -> Release | None:
    """Build the release of a state; None if nothing is in force yet.

    Args:
        state: the present state.
        load: returns the document of a prompt's version; its exceptions pass through, but for a recent
            version, which is then left out.
    """
    if state.stable is None:
        return None
    rollout = state.rollout
    chosen = [state.stable, rollout.candidate] if rollout else [state.stable]
    recent = _recent(state, load)
    return Release(
        environment=state.environment,
        prompt=state.prompt,
        epoch=state.epoch,
        seq=state.seq,
        targets=_targets(rollout) if rollout else (),
        split=_split(rollout, state.stable.version) if rollout else None,
        default_version=state.stable.version,
        default_arm="stable",
        versions={ref.version: load(state.prompt, ref) for ref in chosen} | recent,
        recent=tuple(recent),
    )


def readable(release: Release, edition: int) -> Release:
    """Return a release for clients that read documents up to an edition.

    They would refuse it for a recent version of a later one, which none of them needs, so those are left out.
    For a version in force they have to: `registry.control.preconditions` holds that back.
    """
    late = {version for version in release.recent if release.versions[version].document.edition > edition}
    if not late:
        return release
    versions = {version: served for version, served in release.versions.items() if version not in late}
    recent = tuple(version for version in release.recent if version not in late)
    return replace(release, versions=versions, recent=recent)


def _recent(state: State, load: Callable[[str, VersionRef], Served]) -> dict[str, Served]:
    found = {}
    for ref in state.resumable:
        with suppress(RegistryError):  # what is in force must not wait for the bytes of what was
            found[ref.version] = load(state.prompt, ref)
    return found


def _targets(rollout: Rollout) -> tuple[Target, ...]:
    return tuple(
        Target(
            tuple(Condition(c.attribute, frozenset(c.values)) for c in target.when),
            rollout.candidate.version,
            "canary",
        )
        for target in rollout.audience
    )


def _split(rollout: Rollout, stable: str) -> Split:
    """Give the candidate the first buckets, and its control arm of equal size the last ones.

    Widening only ever adds buckets to the candidate, so no user leaves it.
    """
    canary = round(rollout.percent * (BUCKETS // 100))
    control = min(canary, BUCKETS - canary)
    slots = (
        Slot("canary", rollout.candidate.version, 0, canary),
        Slot("control", stable, BUCKETS - control, control),
    )
    return Split(rollout.id, ALGORITHM, rollout.salt, tuple(slot for slot in slots if slot.size))
