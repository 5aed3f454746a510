"""What is taken for a call: each field's type and bounds, and what is said of anything else."""

from __future__ import annotations

from typing import Any

import pytest

from registry.outcomes.call import FIELDS, MAX_LIST, MAX_TEXT, Call, Refused, ToolCall, parse, unknown

ID = "019aa0b1-5c00-7abc-8def-0123456789ab"  # 2025-11-20T09:56:09.344Z
AT = "2025-11-20T09:56:09.344Z"


def record(**fields: Any) -> dict[str, Any]:
    """A record with no more than it needs."""
    return {"id": ID, "at": AT, **fields}


def test_a_record_becomes_a_call() -> None:
    """Each field keeps its meaning; what is not said is None."""
    call = parse(
        record(
            prompt="summarize", version="1.3.0", arm="canary", input_tokens=120, cost_usd=0.0012,
            tool_calls=[{"name": "get_order", "error": None}], flags=["late"], started=False,
        )
    )  # fmt: skip

    assert call == Call(
        id=ID,
        at=call.id_ms,
        prompt="summarize",
        version="1.3.0",
        arm="canary",
        input_tokens=120,
        cost_usd=0.0012,
        tool_calls=(ToolCall("get_order"),),
        flags=("late",),
    )
    assert call.output_tokens is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "42"}, "id: a UUIDv7"),
        ({"id": "019aa0b1-5c00-4abc-8def-0123456789ab"}, "id: a UUIDv7"),
        ({"id": None}, "a record has an id, a UUIDv7, and at, its start"),
        ({"at": "2025-11-20T05:20:29"}, "at: a time with its zone, such as 2026-05-04T12:00:00.000Z"),
        ({"at": 1763616029}, "at: a time with its zone, such as 2026-05-04T12:00:00.000Z"),
        (
            {"at": "1970-01-01T00:00:00Z"},
            "at: more than a day from the time in id; both are the start of the call",
        ),
        ({"input_tokens": -1}, "input_tokens: a whole number from 0 to 1000000000000, or null"),
        ({"input_tokens": True}, "input_tokens: a whole number from 0 to 1000000000000, or null"),
        ({"output_tokens": 1.5}, "output_tokens: a whole number from 0 to 1000000000000, or null"),
        ({"cost_usd": float("nan")}, "cost_usd: a number from 0 to 1000000, or null"),
        ({"duration_ms": float("inf")}, "duration_ms: a number from 0 to 1000000000, or null"),
        ({"duration_ms": 10**400}, "duration_ms: a number from 0 to 1000000000, or null"),
        ({"unit": "user-42"}, "unit: 16 hexadecimal digits"),
        ({"trace_id": "00"}, "trace_id: 32 hexadecimal digits"),
        ({"prompt": 7}, "prompt: a text"),
        ({"flags": "late"}, "flags: a list of texts"),
        ({"tool_calls": ["get_order"]}, 'tool_calls: a list of {"name", "error"}'),
        ({"started": "yes"}, "started: true, false or null"),
        ({"parameters": []}, "parameters: an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_field(fields: dict[str, Any], message: str) -> None:
    """So that whoever sends it can see what to change."""
    with pytest.raises(Refused) as refused:
        parse(record(**fields))

    assert str(refused.value) == message


@pytest.mark.parametrize("other", [None, 7, "call", [record()]])
def test_only_an_object_is_a_record(other: Any) -> None:
    """Whatever JSON holds, the answer is a sentence."""
    with pytest.raises(Refused, match="a record is an object"):
        parse(other)


def test_text_is_bounded_and_on_one_line() -> None:
    """Half a surrogate pair, a NUL and a line break fit into no database's text, or into no log."""
    call = parse(record(route="a" * 1000, segment="x\0\ud800\n", model="", contexts=["c"] * 100))

    assert call.route == "a" * MAX_TEXT
    assert call.segment == r"x\x00\ud800\n"
    assert call.model is None
    assert len(call.contexts or ()) == MAX_LIST


def test_unknown_fields_are_left_out_and_counted() -> None:
    """A newer client may know more than this registry."""
    sent = record(temperature=0.2, mood="good", prompt="summarize")

    assert parse(sent) == parse(record(prompt="summarize"))
    assert unknown(sent) == 2


def test_every_field_of_a_record_is_checked() -> None:
    """A field that nobody checks would be taken for unknown."""
    sent = dict.fromkeys(FIELDS)

    assert unknown(sent) == len(("via",))
