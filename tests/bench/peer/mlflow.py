"""MLflow: its prompts are kept with the models, and cached in the process."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bench.peer.turns import PROMPT, RENDER, TEXT, VALUES, Work, answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def set_up(folder: Path) -> Mapping[str, Work]:
    """A registry in a file, from which the prompt was loaded, for longer than this takes."""
    mlflow = import_module("mlflow")
    prompts = import_module("mlflow.genai")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_registry_uri(f"sqlite:///{folder}/mlflow.db")
    prompts.register_prompt(name="steady", template=TEXT)
    prompts.set_prompt_alias("steady", alias="production", version=1)

    def load(_: str) -> object:
        return prompts.load_prompt("prompts:/steady@production", cache_ttl_seconds=3600)

    prompt = prompts.load_prompt("prompts:/steady/1")
    return {
        "load_prompt": Work(PROMPT, load, "cached, by its alias; no run, model or trace is active"),
        "format": Work(RENDER, lambda _: prompt.format(**VALUES), "a text"),
    }


if __name__ == "__main__":
    answer(set_up)
