"""Entries of the inbox: what is kept of what is reported, without identities that can be guessed."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from registry.outcomes import identity
from registry.outcomes.call import CONTENT, DAY_MS, Call, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

UNKNOWN = "unknown"  # a prompt or version that does not exist: a table of them would be anybody's to fill
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
_content = attrgetter(*CONTENT)


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

    def call(self, call: Call, share: float, arrived: int) -> dict[str, Any]:
        """Return the entry of a call.

        Args:
            call: the call.
            share: of calls whose content the operator asks for.
            arrived: when it arrived.

        Raises:
            Refused: its time is too long ago, or ahead.
        """
        self._check_age(call, arrived)
        values = zip(PLAIN, _plain(call), strict=True)
        entry: dict[str, Any] = {name: value for name, value in values if value is not None}
        state = (0 if call.started else ENDED) | (OTLP if call.via == "otlp" else 0)
        self._identify(entry, call)
        self._name(entry, call)
        if call.cost_usd is not None:
            entry["cost_nanos"] = round(call.cost_usd * NANOS)
        if call.parameters and len(_json(call.parameters)) <= MAX_PARAMETERS:
            entry["parameters"] = call.parameters
        if share and identity.is_sampled(share, call.conversation, call.id) and (content := _kept(call)):
            entry["content"] = content
            state |= SAMPLED
        entry["state"] = state
        return entry

    def _check_age(self, call: Call, arrived: int) -> None:
        if call.id_ms - arrived > AHEAD_MS:
            raise Refused("at: ahead of the registry's clock; set the clock of the machine that sent it")
        if arrived - call.id_ms > self._keep_ms - DAY_MS:
            days = self._keep_ms // DAY_MS - 1
            raise Refused(f"at: more than {days} days ago, and calls are not kept that long")

    def _identify(self, entry: dict[str, Any], call: Call) -> None:
        if call.unit is not None:
            entry["unit"] = identity.masked(self._key, "unit", call.unit)
            entry["bucket"] = identity.bucket(call.unit)
        if call.subject is not None:
            entry["subject"] = identity.masked(self._key, "subject", call.subject)
        if call.conversation is not None:
            entry["conversation"] = identity.masked(self._key, "conversation", call.conversation)

    def _name(self, entry: dict[str, Any], call: Call) -> None:
        """Name the prompt and version, if they exist."""
        if call.prompt is None:
            return
        known = self._exists(call.prompt, None)
        entry["prompt"] = call.prompt if known else UNKNOWN
        if call.version is not None:
            is_version = known and self._exists(call.prompt, call.version)
            entry["version"] = call.version if is_version else UNKNOWN


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


def _kept(call: Call) -> dict[str, Any] | None:
    """Return the content of a call; None if it has none, or too much."""
    values = zip(CONTENT, _content(call), strict=True)
    content = {name: value for name, value in values if value is not None}
    return content if content and len(_json(content)) <= MAX_CONTENT else None


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
