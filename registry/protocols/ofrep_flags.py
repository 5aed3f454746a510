"""Write decisions as evaluations of OFREP, and refusals as its errors. Pure.

The value of a flag is what our own API answers to `resolve`, so that whoever has it has the whole prompt.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.api.http.problem import NO_JSON

if TYPE_CHECKING:
    from promptstage.model import Decision
    from registry.protocols.protocol import Refusal
    from registry.replication.read_model import EncodedRelease

KEYED = "/evaluate/flags/"  # what a flag's key comes after in a path
# Why a request is refused, by the code of the problem; with the status 400, as clients know no 422 and 413.
# All others are about the context, as there is nothing else in a body.
BAD_REQUESTS = {"targeting_key_missing": "TARGETING_KEY_MISSING", "url_too_long": "GENERAL"}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Around(NamedTuple):
    """What stands before and after the value in the evaluation of an arm."""

    before: bytes
    after: bytes


def around(built: EncodedRelease, decision: Decision) -> Around:
    """Return what stands around the value; the same for everybody on one arm, so it is made once."""
    place = ("ofrep", *decision[:3])  # version, arm, reason
    found: Around = built.kept.get(place) or built.kept.setdefault(place, _around(built, decision))
    return found


def _around(built: EncodedRelease, decision: Decision) -> Around:
    after = {
        "reason": decision.reason,
        "variant": decision.arm,
        "metadata": _metadata(built, decision),
    }
    return Around(
        f'{{"key":{_encode(built.release.prompt)},"value":'.encode(), f",{_encode(after)[1:]}".encode()
    )


def _metadata(built: EncodedRelease, decision: Decision) -> dict[str, Any]:
    """Return texts and numbers alone, as the protocol wants; what there is not is left out."""
    served = built.release.versions[decision.version]
    found = {
        "version": decision.version,
        "number": served.number,
        "commit": served.commit,
        "digest": served.digest,
        "arm": decision.arm,
        "rollout": decision.rollout,
        "edition": served.document.edition,
    }
    return {name: value for name, value in found.items() if value is not None}


def failure(key: str, code: str, detail: str) -> bytes:
    """Return the evaluation of a flag that fails, among others that do not."""
    return _encode({"key": key, "errorCode": code, "errorDetails": detail}).encode()


def error(refusal: Refusal) -> tuple[int, dict[str, str]]:
    """Write a refusal as clients of OFREP read it.

    A registry that is busy, or cannot be read, answers 503, which the protocol does not list. Its 429 would
    make clients ask for nothing at all for a while, and a 500 would hide from a proxy that another registry
    may answer.
    """
    _, keyed, key = refusal.path.partition(KEYED)
    named = {"key": key} if keyed else {}
    status, code = _status(refusal, has_key=bool(keyed))
    return status, {**named, "errorCode": code, "errorDetails": refusal.detail}


def _status(refusal: Refusal, *, has_key: bool) -> tuple[int, str]:
    if refusal.status == HTTPStatus.NOT_FOUND:
        return refusal.status, "FLAG_NOT_FOUND" if has_key else "GENERAL"
    if refusal.detail == NO_JSON:
        return 400, "PARSE_ERROR"
    if refusal.status in {413, 422}:
        return 400, BAD_REQUESTS.get(refusal.code, "INVALID_CONTEXT")
    return refusal.status, "GENERAL"
