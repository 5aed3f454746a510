"""Read what was stored at OpenAI: prompts, and evals with their runs. Pure.

There is no API that exports a stored prompt, so a dump of one is the request that its page shows as code,
with its `id` and `version`. Evals, runs and their items are as the API of evals gives them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.importers import dumps, openai_evals, openai_prompts
from registry.importers.imported import Refused

if TYPE_CHECKING:
    from registry.importers.imported import Files, Read

_OF_EVALS = ("eval", "eval.run", "eval.run.output_item")


def read(files: Files) -> Read:
    """Yield the versions of all prompts, and of the prompts of evals, oldest first."""
    prompts: list[dumps.Entry] = []
    evals: list[dumps.Entry] = []
    for entry in dumps.entries(files):
        if isinstance(entry, Refused):
            yield entry
        elif entry.value.get("object") in _OF_EVALS or "item" in entry.value:
            evals.append(entry)
        else:
            prompts.append(entry)
    yield from openai_prompts.read(prompts)
    yield from openai_evals.read(evals)
