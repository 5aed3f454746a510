"""Cache versions that an application asked for by number: they never change, so fetch each once."""

from __future__ import annotations

from collections import OrderedDict
from threading import RLock
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage._replica.release_store import read_json
from promptstage._replica.validation import check_served
from promptstage.clock import Freshness, uptime
from promptstage.errors import ReleaseInvalid
from promptstage.evaluation import PINNED
from promptstage.model import Decision, dump_document, parse_served
from promptstage.prompt import make_prompt

if TYPE_CHECKING:
    from promptstage._replica.unavailable import Why
    from promptstage.model import Json, Served
    from promptstage.prompt import Prompt, Source

Pin = tuple[str, str]


class VersionInvalid(ReleaseInvalid):
    """A version whose file the registry could not read."""


class PinnedVersions:
    """The pinned versions last used, and for a while those that the registry does not have."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Pin, Prompt] = OrderedDict()
        self._missing: OrderedDict[Pin, tuple[float, Why]] = OrderedDict()
        self.reset()

    def reset(self) -> None:
        """In a forked child: the parent's lock may be held by a thread that is not here."""
        self._lock = RLock()

    def __contains__(self, pin: Pin) -> bool:
        return pin in self._kept

    def get(self, pin: Pin) -> Prompt | None:
        """A version that is kept."""
        with self._lock:
            if pin in self._kept:
                self._kept.move_to_end(pin)
            return self._kept.get(pin)

    def keep(self, name: str, served: Served, source: Source, age: float = 0.0) -> Prompt:
        """Keep a version, and let go of the one not used for longest."""
        decision = Decision(served.version, "pinned", PINNED, None, None)
        prompt = make_prompt(name, served, decision, source, Freshness(age))
        with self._lock:
            self._kept[name, served.version] = prompt
            if len(self._kept) > limits.PINNED_VERSIONS:
                self._kept.popitem(last=False)
        return prompt

    def miss(self, pin: Pin, why: Why) -> None:
        """Remember for a while that the registry has no such version, and what it said."""
        with self._lock:
            self._missing[pin] = (uptime() + limits.MISSING_FOR, why)
            if len(self._missing) > limits.PINNED_VERSIONS:
                self._missing.popitem(last=False)

    def missing(self, pin: Pin) -> Why | None:
        """Why a version is missing, if it is known to be."""
        until, why = self._missing.get(pin, (0.0, None))
        return why if uptime() < until else None


def read_version(pin: Pin, data: bytes) -> Served:
    """Read a version as the registry answers it, and as it is stored.

    Raises:
        VersionInvalid: it is that version, and its file is invalid.
        ReleaseInvalid: it is something else.
    """
    body = read_json(data)
    if (body.get("name"), body.get("version")) != pin:
        raise ReleaseInvalid(f"not {pin[0]}@{pin[1]}")
    if body.get("status") == "invalid":
        raise VersionInvalid(f"{pin[0]}@{pin[1]} is invalid")
    try:
        served = parse_served(pin[1], body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ReleaseInvalid(f"not a version: {type(error).__name__}: {error}") from error
    check_served(served)
    return served


def write_version(name: str, served: Served) -> Json:
    """A version out of a release, as `read_version` reads it."""
    return {
        "name": name,
        "version": served.version,
        "number": served.number,
        "digest": served.digest,
        "commit": served.commit,
        "status": "valid",
        "document": dump_document(served.document),
    }
