"""OpenFeature with flagd's provider: flags are evaluated in the process, from a file."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.turns import PERCENT, SPLIT, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """A client whose provider reads a file."""
    api = import_module("openfeature.api")
    context = import_module("openfeature.evaluation_context").EvaluationContext
    flagd = import_module("openfeature.contrib.provider.flagd")
    kinds = import_module("openfeature.contrib.provider.flagd.config").ResolverType
    api.set_provider_and_wait(
        flagd.FlagdProvider(resolver_type=kinds.FILE, offline_flag_source_path=_flags(folder))
    )
    client = api.get_client()

    def split(key: str) -> object:
        return client.get_string_value("rolling", "1.0.0", context(targeting_key=key))

    return {
        "get_string_value": Work(SPLIT, split, "with the context of the user; no hooks of an application")
    }


def _flags(folder: Path) -> str:
    flag = {
        "state": "ENABLED",
        "variants": {"candidate": "1.1.0", "stable": "1.0.0"},
        "defaultVariant": "stable",
        "targeting": {"fractional": [["candidate", PERCENT], ["stable", 100 - PERCENT]]},
    }
    file = folder / "flags.json"
    file.write_text(json.dumps({"flags": {"rolling": flag}}))
    return str(file)


if __name__ == "__main__":
    answer(set_up)
