"""GrowthBook: flags are evaluated in the process, from features that were given to it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.turns import PERCENT, SPLIT, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """One instance for all calls; its documentation has one for each request, which costs more."""
    rule = {"force": "1.1.0", "coverage": PERCENT / 100, "hashAttribute": "id", "seed": "salt"}
    features = {"rolling": {"defaultValue": "1.0.0", "rules": [rule]}}
    growthbook = import_module("growthbook").GrowthBook(features=features)

    def split(key: str) -> object:
        growthbook.set_attributes({"id": key})
        return growthbook.get_feature_value("rolling", "1.0.0")

    return {
        "get_feature_value": Work(SPLIT, split, "with set_attributes; one instance; no exposure is recorded"),
    }


if __name__ == "__main__":
    answer(set_up)
