"""Our own client, and the floor: what the same would cost with a dictionary, a hash and a join alone."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bench.peer.turns import PERCENT, PROMPT, RENDER, SPLIT, TEXT, VALUES, Work, answer
from client.fake_registry import FakeRegistry, release

from promptstage import Client
from promptstage.template import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SALT = "salt-of-rolling"


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client that follows a registry."""
    registry = FakeRegistry()
    registry.publish(_steady())
    registry.publish(release("rolling", "1.0.0", candidate="1.1.0", percent=PERCENT))
    client = Client(registry.url, prompts=["steady", "rolling"], snapshot_dir=folder)
    assert client.ready(10), client.status()
    prompt = client.get("steady", key="user-1")

    def split(key: str) -> object:
        return client.get("rolling", key=key).version

    return {
        "promptstage: get": Work(
            PROMPT, lambda key: client.get("steady", key=key), "with its stamp for log records"
        ),
        "promptstage: get, a new key each": Work(SPLIT, split, "the prompt, with its stamp for log records"),
        "promptstage: get, keys that return": Work(SPLIT, split, "the same; 100 keys", fresh=False),
        "promptstage: messages": Work(RENDER, lambda _: prompt.messages(**VALUES), "a list of messages"),
        **_floor(),
    }


def _steady() -> dict[str, Any]:
    body: dict[str, Any] = release("steady", "1.0.0")
    document = body["versions"]["1.0.0"]["document"]
    document["messages"] = [{"role": "user", "content": TEXT}]
    document["variables"] = [
        {"name": name, "required": True, "default": None, "description": ""} for name in VALUES
    ]
    return body


def _floor() -> Mapping[str, Work]:
    held = {"steady": object()}
    salted = {"rolling": sha256(f"v1\0{SALT}\0".encode())}
    bound = (-(-(PERCENT << 64) // 100)).to_bytes(8, "big")
    before, between, after = parse(TEXT).literals

    def bucket(key: str) -> bool:
        hashed = salted["rolling"].copy()
        hashed.update(key.encode())
        return hashed.digest() < bound

    def joined(_: str) -> list[dict[str, str]]:
        content = f"{before}{VALUES['text']}{between}{VALUES['tone']}{after}"
        return [{"role": "user", "content": content}]

    return {
        "floor: a dictionary": Work(
            PROMPT, lambda _: held["steady"], "with the loop and the call that all pay"
        ),
        "floor: dictionary, SHA-256, compare": Work(SPLIT, bucket, "with the loop and the call that all pay"),
        "floor: parts, joined": Work(RENDER, joined, "with the loop and the call that all pay"),
    }


if __name__ == "__main__":
    answer(set_up)
