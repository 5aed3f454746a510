"""Run what `docs/platforms.md` shows for one platform, as an app with one prompt would.

    python page_app.py LangSmith 100

The share of users with the candidate, in percent, is that of a rollout under way: at 100 the app gets
summarize@1.3.0 as the canary of r-1, at 0 summarize@1.2.0 and no rollout. It runs
in the platform's environment.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from client.fake_registry import release
from pages.markdown import blocks

from promptstage.testing import Client

PAGE = "docs/platforms.md"


def main(heading: str, percent: float) -> None:
    """Run it once, and wait for what it sends."""
    served = release(candidate="1.3.0", percent=percent) if percent else release()
    names = {"client": Client.of({"summarize": served})}
    for block in blocks(PAGE, "python", under=heading):
        exec(compile("\n" * block.line + block.text, PAGE, "exec"), names)
    _flush(heading)


def _flush(heading: str) -> None:
    """Wait for what an SDK would send later, where a program that ends does not."""
    match heading:
        case "LangSmith":
            import_module("langsmith.run_trees").get_cached_client().flush()
        case "Weave":
            import_module("weave").finish()
        case "Datadog":
            import_module("ddtrace.llmobs").LLMObs.flush()
        case "Prometheus":
            sys.stdin.read()  # it is scraped meanwhile


if __name__ == "__main__":
    os.environ.setdefault("OPENAI_API_KEY", "sk-test")
    main(sys.argv[1], float(sys.argv[2]))
