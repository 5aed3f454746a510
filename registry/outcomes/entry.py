"""Entries of the inbox: what is kept of what is reported, without identities that can be guessed."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from registry.outcomes import identity
from registry.outcomes.call import CONTENT, DAY_MS, Refused, time_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.outcomes.call import Call

UNKNOWN = "unknown"  # a prompt or version that does not exist: a table of them would be anybody's to fill
FALLBACK = "fallback"  # the version of a client without the registry
NANOS = 1_000_000_000
AHEAD_MS = 2 * DAY_MS  # a clock may be set to the wrong zone
MAX_CONTENT = 256 << 10  # bytes of one call's content, as JSON: a hundred pages
MAX_PARAMETERS = 2 << 10
ENDED, OTLP, SAMPLED = 1, 2, 4  # bits of `state`, as the tables have them
PLAIN = (
    "id", "at", "arm", "reason", "rollout", "seq", "source", "model", "response_model", "provider",
    "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "duration_ms", "ttft_ms", "error",
    "finish_reason", "format_error", "flags", "route", "segment", "contexts", "tool_calls", "trace_id",
    "span_id", "response_id",
)  # fmt: skip
_plain = attrgetter(*PLAIN)


class Entries:
    """Makes entries of calls.

    Args:
        key: the registry's, for identities.
        exists: whether a prompt exists, or a version of it.
        keep_ms: how long calls are kept.
    """

    def __init__(self, key: bytes, exists: Callable[[str, str | None], bool], keep_ms: int) -> None:
        self._key = key
        self._exists = exists
        self._keep_ms = keep_ms

    def entry(self, values: dict[str, Any], share: float, arrived: int) -> dict[str, Any]:
        """Make the entry of a call of its fields, which are changed in place.

        Args:
            values: fields of `Call` that have a value.
            share: of calls whose content the operator asks for.
            arrived: when it arrived.

        Raises:
            Refused: its time is too long ago, or ahead.
        """
        take = values.pop
        self._check_age(values["id"], arrived)
        state = 0 if take("started", False) else ENDED
        if take("via", "client") == "otlp":
            state |= OTLP
        take("environment", None)
        take("sampled", None)
        content = {name: take(name) for name in CONTENT if name in values}
        if content and share and self._is_kept(values, content, share):
            values["content"] = content
            state |= SAMPLED
        if (usd := take("cost_usd", None)) is not None:
            values["cost_nanos"] = round(usd * NANOS)
        if "parameters" in values and len(_json(values["parameters"])) > MAX_PARAMETERS:
            take("parameters")
        self._identify(values)
        self._name(values)
        values["state"] = state
        return values

    def _check_age(self, identifier: str, arrived: int) -> None:
        at = time_of(identifier)
        if at - arrived > AHEAD_MS:
            raise Refused("at: ahead of the registry's clock; set the clock of the machine that sent it")
        if arrived - at > self._keep_ms - DAY_MS:
            days = self._keep_ms // DAY_MS - 1
            raise Refused(f"at: more than {days} days ago, and calls are not kept that long")

    def _is_kept(self, values: dict[str, Any], content: dict[str, Any], share: float) -> bool:
        is_wanted = identity.is_sampled(share, values.get("conversation"), values["id"])
        return is_wanted and len(_json(content)) <= MAX_CONTENT

    def _identify(self, values: dict[str, Any]) -> None:
        """Put the registry's own hashes in the place of those that can be guessed."""
        if (unit := values.get("unit")) is not None:
            values["bucket"] = identity.bucket(unit)
        for kind in ("unit", "subject", "conversation"):
            if (digits := values.get(kind)) is not None:
                values[kind] = identity.masked(self._key, kind, digits)

    def _name(self, values: dict[str, Any]) -> None:
        """Name the prompt and version, if they exist."""
        prompt, version = values.get("prompt"), values.get("version")
        if prompt is None:
            values.pop("version", None)
            return
        is_known = self._exists(prompt, None)
        if not is_known:
            values["prompt"] = UNKNOWN
        if version is not None and version != FALLBACK and not (is_known and self._exists(prompt, version)):
            values["version"] = UNKNOWN


def of_spans(call: Call, identifier: str) -> dict[str, Any]:
    """Return the entry of a call that spans tell of; prompts and identities are as the inbox had them.

    Args:
        call: the call; identities are hexadecimal digits of what is kept of them.
        identifier: the id that it is booked under.
    """
    values = zip(PLAIN, _plain(call), strict=True)
    entry: dict[str, Any] = {name: value for name, value in values if value is not None}
    named = {"prompt": call.prompt, "version": call.version}
    entry |= {name: value for name, value in named.items() if value is not None}
    for name in ("subject", "conversation"):
        if digits := getattr(call, name):
            entry[name] = int(digits, 16)
    if call.cost_usd is not None:
        entry["cost_nanos"] = round(call.cost_usd * NANOS)
    return entry | {"id": identifier, "state": ENDED | OTLP}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
