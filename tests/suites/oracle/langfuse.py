"""Let promptfoo read prompts by Langfuse's protocol: ``python -m suites.oracle.langfuse FOLDER``.

It runs what docs/integrations/langfuse.md shows, and asks for a version, the latest, and a text, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from pages.markdown import blocks
from protocols import langfuse_prompts
from suites.oracle.__main__ import QUIET
from support import PromptRepository, Registry

PAGE = "docs/integrations/langfuse.md"
NODE = os.environ.get("PROMPTFOO_NODE", "node")
MORE = {
    "langfuse://summarize:1001000:chat": "summarize 1.1.0: my parcel never came",
    "langfuse://summarize@latest:chat": "summarize 1.2.0: my parcel never came",
    "langfuse://kinds/text@staging": "Hi Ada",
}


def main() -> int:
    """Evaluate once, and compare what promptfoo would have asked a model."""
    modules = Path(sys.argv[1]).resolve() / "node_modules"
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        repository = PromptRepository(folder / "prompts")
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            repository.tag("summarize", version)
        langfuse_prompts.tag(repository)
        (folder / "rules.toml").write_text(blocks(PAGE, "toml")[0].text)
        registry = Registry(repository.path, folder / "data", config=str(folder / "rules.toml"))
        try:
            for environment in ("production", "staging"):
                langfuse_prompts.promote(registry.api, environment)
            found = _evaluated(registry, modules, folder / "app")
        finally:
            registry.stop()
    shown = {"langfuse://summarize@production:chat": "summarize 1.0.0: my parcel never came", **MORE}
    assert found == shown, found
    sys.stdout.write(f"promptfoo read {len(found)} prompts of a registry: {', '.join(found)}\n")
    return 0


def _evaluated(registry: Registry, modules: Path, folder: Path) -> dict[str, str]:
    """Return the text that each prompt became."""
    folder.mkdir()
    (folder / "node_modules").symlink_to(modules)
    config = yaml.safe_load(blocks(PAGE, "yaml")[0].text)
    config["prompts"] += MORE
    config["tests"][0]["vars"]["name"] = "Ada"
    config["tests"][0]["assert"] = []
    (folder / "promptfooconfig.yaml").write_text(json.dumps(config))
    command = [NODE, str(modules / "promptfoo/dist/src/main.js"), "eval", "-c", "promptfooconfig.yaml"]
    variables = {
        "LANGFUSE_BASE_URL": registry.url,
        "LANGFUSE_SECRET_KEY": registry.api.token,
        "LANGFUSE_PUBLIC_KEY": "promptfoo",
        "PROMPTFOO_CONFIG_DIR": str(folder / "settings"),
    }
    done = subprocess.run(
        [*command, "-o", "out.json", "--no-cache", "--no-table"],
        cwd=folder,
        env={**os.environ, **QUIET, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    file = folder / "out.json"
    assert file.exists(), done.stdout + done.stderr
    results = json.loads(file.read_text(encoding="utf-8"))["results"]["results"]
    return {each["prompt"]["label"]: _text(each["response"]["output"]) for each in results}


def _text(output: str) -> str:
    """Return the text of one message, or a text as it is."""
    return str(json.loads(output)[0]["content"]) if output.startswith("[") else output


if __name__ == "__main__":
    sys.exit(main())
