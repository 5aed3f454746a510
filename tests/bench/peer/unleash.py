"""Unleash: flags are evaluated in the process, by an engine in Rust, from a file that starts it."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.turns import PERCENT, SPLIT, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client that asks nobody."""
    parameters = {"rollout": str(PERCENT), "stickiness": "userId", "groupId": "rolling"}
    strategy = {"name": "flexibleRollout", "parameters": parameters}
    file = folder / "bootstrap.json"
    file.write_text(
        json.dumps(
            {"version": 2, "features": [{"name": "rolling", "enabled": True, "strategies": [strategy]}]}
        )
    )
    cache = import_module("UnleashClient.cache").FileCache("bench", directory=str(folder / "cache"))
    cache.bootstrap_from_file(file)
    client = import_module("UnleashClient").UnleashClient(
        url="http://127.0.0.1:1",
        app_name="bench",
        cache=cache,
        disable_metrics=True,
        disable_registration=True,
    )
    client.initialize_client(fetch_toggles=False)

    def split(key: str) -> object:
        return client.is_enabled("rolling", {"userId": key})

    return {"is_enabled": Work(SPLIT, split, "yes or no; counted in its engine, but never sent")}


if __name__ == "__main__":
    answer(set_up)
