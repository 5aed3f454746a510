"""Pins: short texts with which a conversation goes on with the version that it began with.

A pin is ``rollout:version:arm:digest12``, such as ``r-5c1d8e0a9b27:1.3.0:canary:9ef15a0c7d42``. The rollout
is ``-`` where there was none; last come the first twelve digits of the version's digest. It returns from a
database or a cookie, and anybody may have written it: a release decides whether it is good.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard

from promptstage.evaluation import PINNED
from promptstage.model import Decision

if TYPE_CHECKING:
    from promptstage.model import Release

# What goes into logs and traces, of a release and of a pin.
ARM = r"[a-z][a-z0-9_-]{0,31}"
ROLLOUT = r"[0-9A-Za-z][0-9A-Za-z._:-]{0,99}"
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?"
NO_ROLLOUT = "-"
_DIGITS = 12
_PIN = re.compile(rf"({NO_ROLLOUT}|{ROLLOUT}):({VERSION}):({ARM}):([0-9A-Za-z.+-]{{1,{_DIGITS}}})")
_LONGEST = 256  # characters: the longest rollout, version and arm, of 100, 100 and 32, and the rest


def make_pin(rollout: str | None, version: str, arm: str, digest: str) -> str:
    """The pin of a version that was chosen."""
    return f"{rollout or NO_ROLLOUT}:{version}:{arm}:{_first_digits(digest)}"


def is_pin(pin: object) -> TypeGuard[str]:
    """Tell whether it has the form of a pin."""
    return _parts(pin) is not None


def resume(release: Release, pin: object) -> Decision | None:
    """Go on with the version of a pin; None if the release has no such version, or it is no pin.

    Args:
        release: what the environment serves: a pin is good for any of its `versions`.
        pin: the text that the application stored, which may be damaged or forged.
    """
    parts = _parts(pin)
    if parts is None:
        return None
    rollout, version, arm, digits = parts
    served = release.versions.get(version)
    if served is None or _first_digits(served.digest) != digits:
        return None
    return Decision(version, arm, PINNED, None if rollout == NO_ROLLOUT else rollout, None)


def _parts(pin: object) -> tuple[str, str, str, str] | None:
    if not isinstance(pin, str) or len(pin) > _LONGEST:
        return None
    found = _PIN.fullmatch(pin)
    return (found[1], found[2], found[3], found[4]) if found else None


def _first_digits(digest: str) -> str:
    return digest.partition(":")[2][:_DIGITS]
