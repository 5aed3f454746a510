"""Check a release before it is served, besides its shape, which `model` reads.

A registry of ours sends nothing else. What stands between, an older copy or another program may; then the
last good release stays.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage.clock import wall
from promptstage.errors import ReleaseInvalid
from promptstage.evaluation import BUCKETS
from promptstage.model import parse_release
from promptstage.pins import ARM, ROLLOUT, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptstage.model import Json, Release, Served, Slot


_ARM = re.compile(ARM)
_ROLLOUT = re.compile(ROLLOUT)
# An identity that is passed on, into logs and traces: of which bytes it is, only the registry can check.
_DIGEST = re.compile(r"sha256:[0-9A-Za-z][0-9A-Za-z.+-]{0,127}")
_COMMIT = re.compile(r"[0-9a-f]{0,64}")
FORMAT = 1


def read_release(body: Json) -> Release:
    """Read a release of a registry, or of a snapshot, which is one.

    Raises:
        ReleaseInvalid: it cannot be served; the message says why.
    """
    written_in = body.get("format", FORMAT)
    if written_in != FORMAT:
        raise ReleaseInvalid(f"it has format {written_in!r}; this promptstage reads {FORMAT}, upgrade it")
    release = parse_release(body)
    _check_position(release)
    for served in release.versions.values():
        check_served(served)
    _check_rules(release)
    return release


def rank(position: tuple[int, int]) -> tuple[bool, int, int]:
    """The order of one name's releases, by ``(epoch, seq)``: one of the future comes before all that are not.

    An epoch is the time at which a journal began. One that lies ahead was made with a wrong clock, and must
    not outrank those that come when the clock is right again.
    """
    return (position[0] <= _now() + limits.EPOCH_AHEAD, *position)


def check_served(served: Served) -> None:
    """Check one version. Raises ReleaseInvalid."""
    _require(is_version(served.version), f"{served.version!r} is no version")
    _require(_DIGEST.fullmatch(served.digest), f"{served.digest!r} is no digest")
    _require(_COMMIT.fullmatch(served.commit), f"{served.commit!r} is no commit")
    _require(served.number is None or served.number >= 0, f"{served.number} is no number of a version")


def _check_position(release: Release) -> None:
    _require(is_name(release.prompt), f"{release.prompt!r} is no name of a prompt")
    _require(min(release.position) >= 0, f"{release.position} is no epoch and seq")
    _require(
        release.epoch <= _now() + limits.EPOCH_FARTHEST,
        f"its epoch {release.epoch} lies decades ahead: was a clock wrong when its journal began?",
    )


def _check_rules(release: Release) -> None:
    split, targets = release.split, release.targets
    slots = split.slots if split else ()
    counts = {"versions": len(release.versions), "targets": len(targets), "slots": len(slots)}
    for what, count in counts.items():
        _require(count <= limits.RULES, f"{count} {what}")
    arms = {release.default_arm, *(target.arm for target in targets), *(slot.arm for slot in slots)}
    for arm in arms:
        _require(_ARM.fullmatch(arm), f"{arm!r} is no arm")
    if split:
        _require(_ROLLOUT.fullmatch(split.rollout), f"{split.rollout!r} is no rollout")
        _check_slots(slots)


def _check_slots(slots: Iterable[Slot]) -> None:
    runs = sorted((slot.start, slot.start + slot.size) for slot in slots if slot.size)
    for slot in slots:
        inside = 0 <= slot.start <= slot.start + slot.size <= BUCKETS
        _require(inside, f"a slot of {slot.size} from {slot.start} on, of {BUCKETS} buckets")
    for (_, end), (start, _) in pairwise(runs):
        _require(end <= start, f"two slots overlap at {start}")


def _now() -> float:
    """The time, or if the clock is surely wrong, one that is surely over."""
    return max(wall(), limits.CLOCK_FLOOR)


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise ReleaseInvalid(otherwise)


_SEGMENT = r"[a-z0-9][a-z0-9_-]{0,63}"
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{0,7}}")
_NAME_LENGTH = 200
_VERSION_LENGTH = 100
_VERSION = re.compile(VERSION)


def is_name(name: str) -> bool:
    """Whether a prompt may be called so."""
    return isinstance(name, str) and len(name) <= _NAME_LENGTH and _NAME.fullmatch(name) is not None


def is_version(version: str) -> bool:
    """Whether it is one exact version."""
    return (
        isinstance(version, str)
        and len(version) <= _VERSION_LENGTH
        and _VERSION.fullmatch(version) is not None
    )
