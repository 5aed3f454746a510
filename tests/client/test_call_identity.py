"""Ids, units and samples of calls: what a registry can check is made as it checks it."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from client.fake_registry import release
from hypothesis import given
from hypothesis import strategies as st

from promptstage import context
from promptstage._calls.identity import hashed, is_sampled, make_id, new_id, unit_of
from promptstage.evaluation import BUCKETS, bucket, bucket_of, measured, unit
from promptstage.model import Slot, Split
from promptstage.testing import Client

if TYPE_CHECKING:
    from promptstage import Call


@given(st.floats(0, 2**38))
def test_an_id_is_a_uuid_of_version_7(at: float) -> None:
    """With the milliseconds of its time."""
    made = UUID(make_id(at))

    assert (made.version, made.variant, made.int >> 80) == (7, "specified in RFC 4122", int(at * 1000))


def test_no_two_ids_are_alike() -> None:
    """Though they are of one moment; those of later moments come later."""
    at = time.time()

    assert len({make_id(at) for _ in range(10_000)}) == 10_000
    assert make_id(at) < make_id(at + 0.01)
    assert abs(int(new_id()[:13].replace("-", ""), 16) / 1000 - at) < 60


@given(st.text(), st.text())
def test_a_unit_is_what_the_bucket_is_made_of(salt: str, key: str) -> None:
    """Eight bytes, from which a registry comes to the same bucket."""
    value = unit(salt, key)

    assert len(value) == 8
    assert bucket_of(value) == bucket(salt, key)


@pytest.mark.parametrize(
    ("canary", "compared"),
    [(0, 0), (1, 1), (50_000, 50_000), (60_000, 40_000), (99_999, 1), (100_000, 0)],
)
def test_half_of_what_is_measured_is_the_canarys(canary: int, compared: int) -> None:
    """The first and the last buckets, as many of each; the others of a wide canary are not compared."""
    control = min(canary, BUCKETS - canary)
    slots = (Slot("canary", "2.0.0", 0, canary), Slot("control", "1.0.0", BUCKETS - control, control))

    assert measured(Split("r-1", "v1", "salt", slots)) == compared


def test_a_measured_call_is_told_of_when_it_starts() -> None:
    """Of either arm; not one outside of what is compared."""
    client = Client.of({"summarize": release(candidate="1.3.0", percent=60)})
    keys = [f"user-{number}" for number in range(50)]
    expected = []
    for key in keys:
        number = bucket("salt", key)
        expected.append(number < 40_000 or number >= 60_000)

    assert [unit_of(client.get("summarize", key=key), key)[1] for key in keys] == expected
    assert set(expected) == {True, False}


def recorded(client: Client, *calls: Call) -> dict[str, Any]:
    """What the last of some calls is recorded as."""
    for call in calls:
        with call:
            pass
    return client.recorded[-1]


def test_the_unit_of_a_split() -> None:
    """Of the key that decided: the call's, that of the context, or without one the call's own id."""
    client = Client.of({"summarize": release(candidate="1.3.0", percent=10)})
    mine = recorded(client, client.call("summarize", key="user-42"))
    with context(key="user-42"):
        theirs = recorded(client, client.call("summarize"))
    drawn = recorded(client, client.call("summarize"))

    assert mine["unit"] == theirs["unit"] == unit("salt", "user-42").hex()
    assert (drawn["unit"], drawn["subject"]) == (unit("salt", drawn["id"]).hex(), None)
    assert client.status()["counts"]["random_keys"] == 1
    for record in (mine, drawn):
        number = bucket_of(bytes.fromhex(record["unit"]))
        arm = "canary" if number < 10_000 else "control" if number >= 90_000 else "stable"
        assert (record["arm"], record["reason"]) == (arm, "SPLIT")


def test_no_unit_where_no_bucket_decided() -> None:
    """Without a rollout, by an audience, and for a version of its own."""
    audience = release(candidate="1.3.0", percent=10, audience={"tenant": ["acme"]})
    client = Client.of({"steady": "Steady", "summarize": audience})

    for call in (
        client.call("steady", key="u"),
        client.call("summarize", key="u", attributes={"tenant": "acme"}),
        client.call("summarize", key="u", version="1.3.0"),
        client.call("unknown", key="u", fallback="mine"),
    ):
        assert recorded(client, call)["unit"] is None


def test_the_unit_of_a_conversation() -> None:
    """Where its pin says what its own bucket would, it counts; else it says nothing of the candidate."""
    client = Client.of({"summarize": release(candidate="1.3.0", percent=50)})
    keys = {client.get("summarize", key=f"user-{n}").arm: f"user-{n}" for n in range(20)}
    canary, control = keys["canary"], keys["control"]
    pin = client.get("summarize", key=canary).pin
    own = recorded(client, client.call("summarize", key=canary, pin=pin))
    others = recorded(client, client.call("summarize", key=control, pin=pin))
    nobodys = recorded(client, client.call("summarize", pin=pin))
    earlier = recorded(client, client.call("summarize", key=canary, pin=pin.replace("r-1", "r-0")))

    assert (own["reason"], own["unit"]) == ("PINNED", unit("salt", canary).hex())
    assert [record["reason"] for record in (others, nobodys, earlier)] == ["PINNED"] * 3
    assert [record["unit"] for record in (others, nobodys, earlier)] == [None] * 3


def test_what_stands_for_people() -> None:
    """A hash; of nothing it is nothing."""
    assert hashed("user-42") == sha256(b"user-42").hexdigest()[:16]
    assert hashed("") is hashed(None) is None
    assert hashed("\ud800") == sha256("\ufffd".encode()).hexdigest()[:16]


def test_a_sample_is_its_share() -> None:
    """And all calls of a conversation are in it, or none; who is in a small one is in a larger one."""
    texts = [f"conversation-{number}" for number in range(20_000)]
    small, large = ({t for t in texts if is_sampled(t, share)} for share in (0.02, 0.2))

    assert small < large
    assert 300 < len(small) < 500
    assert not any(is_sampled(text, 0) for text in texts)
    assert all(is_sampled(text, 1) for text in texts)
    first = int.from_bytes(sha256(texts[0].encode()).digest()[:8], "big")
    assert is_sampled(texts[0], 0.02) == ((first * 1_000_000) >> 64 < 20_000)
