"""LaunchDarkly: flags are evaluated in the process, from a file that its SDK reads."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.turns import PERCENT, SPLIT, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client of a file; the data that the SDK makes for tests knows no percentages."""
    ld = import_module("ldclient")
    source = import_module("ldclient.integrations").Files.new_data_source(paths=[_flags(folder)])
    config = import_module("ldclient.config").Config(
        "sdk-key", update_processor_class=source, send_events=False
    )
    client = ld.LDClient(config)

    def split(key: str) -> object:
        return client.variation("rolling", ld.Context.create(key), "1.0.0")

    return {"variation": Work(SPLIT, split, "with the context of the user; no event is recorded")}


def _flags(folder: Path) -> str:
    weights = [PERCENT * 1000, 100_000 - PERCENT * 1000]
    flag = {
        "key": "rolling",
        "version": 1,
        "on": True,
        "salt": "salt",
        "variations": ["1.1.0", "1.0.0"],
        "offVariation": 1,
        "fallthrough": {
            "rollout": {
                "variations": [{"variation": i, "weight": weight} for i, weight in enumerate(weights)]
            }
        },
    }
    file = folder / "flags.json"
    file.write_text(json.dumps({"flags": {"rolling": flag}}))
    return str(file)


if __name__ == "__main__":
    answer(set_up)
