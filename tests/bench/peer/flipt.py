"""Flipt: flags are evaluated in the process, by an engine in Rust, from what its service sent."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.service import serve
from bench.peer.turns import PERCENT, SPLIT, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATH = "/internal/v1/evaluation/snapshot/namespace/default"


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client that has fetched the flag."""
    rollout = {
        "type": "THRESHOLD_ROLLOUT_TYPE",
        "rank": 1,
        "threshold": {"percentage": float(PERCENT), "value": True},
    }
    flag = {
        "key": "rolling", "name": "rolling", "description": "", "enabled": False, "type": "BOOLEAN_FLAG_TYPE",
        "rules": [], "rollouts": [rollout],
    }  # fmt: skip
    url = serve({PATH: {"namespace": {"key": "default"}, "flags": [flag]}})
    options = import_module("flipt_client.models").ClientOptions(url=url)
    client = import_module("flipt_client").FliptClient(options)

    def split(key: str) -> object:
        return client.evaluate_boolean("rolling", key).enabled

    return {"evaluate_boolean": Work(SPLIT, split, "yes or no; JSON to the engine and back")}


if __name__ == "__main__":
    answer(set_up)
