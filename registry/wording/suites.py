"""Say how a version stands with its suite, and what an attestation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import Unavailable
from registry.wording import paths, times
from registry.wording.reads import Refused
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.wording.reads import Reads

NAMED = 5  # cases in a line
OPTION = "--override-suite"


def standing(registry: Reads, environment: str, name: str, version: str) -> Json | None:
    """Ask how a version stands with an environment's rule; None: that is not known, or not yet."""
    try:
        return registry.get(paths.suite_path(environment, name), "decision", version=version)
    except (Refused, Unavailable):  # also an earlier registry, which knows no suites; a change says why
        return None


def attested(registry: Reads, name: str, version: str) -> Json | None:
    """Ask for the newest attestation of a version; None: there is none, or it cannot be read now."""
    try:
        found = registry.get(paths.attestations_path(name, version), "data")["data"]
    except (Refused, Unavailable):
        return None
    return found[0] if found else None


def said(found: Json | None, override: Json | None) -> str:
    """Say what lets a version in, or that nothing does; empty: nothing is required, or known."""
    if override:
        return f"overridden: {reason(override)}"
    if found is None:
        return ""
    if found["decision"] == "passed":
        return result(found["attestation"])
    if found["required"]:
        return f"{clean(found['detail'], len(found['detail']))} ({OPTION} TEXT)"
    return result(found["attestation"]) if found["attestation"] else ""


def reason(override: Json) -> str:
    """Return the whole reason of an override, for whoever decides about it."""
    return clean(override["suite"], len(override["suite"]))


def is_refused(found: Json | None, override: Json | None) -> bool:
    """Return whether the registry would not let a version in."""
    return not override and found is not None and found["required"] and found["decision"] != "passed"


def rule(rules: Json) -> str:
    """Say what an environment requires; empty: nothing."""
    if not rules["required"]:
        return ""
    by = f" by {', '.join(map(clean, rules['attesters']))}" if rules["attesters"] else ""
    age = f", at most {clean(rules['max_age'])} old" if rules["max_age"] else ""
    return f"suite: an attestation{by}{age}"


def result(attestation: Json) -> str:
    """Say what an attestation says, in a line."""
    against = f" against {clean(attestation['against'])}" if attestation["against"] else ""
    by = f"attested by {clean(attestation['by'])} at {times.show(attestation['at'])}"
    failed = "" if attestation["result"] == "passed" else "failed: "
    more = f"; regressed: {cases(attestation['regressed'])}" if attestation["regressed"] else ""
    return f"{failed}{score(attestation)} cases passed{against}, {by}{more}"


def score(attestation: Json) -> str:
    """How many cases passed, of how many."""
    return f"{attestation['passed']} of {attestation['cases']}"


def cases(ids: list[str]) -> str:
    """Name the first of some cases, and how many more there are."""
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(map(clean, ids[:NAMED])) + more


def of_change(change: Json) -> str:
    """Say what a change went by, for a list; empty: nothing was required of it."""
    if override := change.get("override"):
        return f"overridden: {clean(override['suite'])}"
    seq = change.get("attested")
    return "" if seq is None else f"attested in {seq}"
