"""What ``promptstage check`` takes for many files, beside PyYAML's C loader, which does nothing but load them.

The whole command is measured beside a Python that does so too, in the time of the processor, git's
included. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (10, 1_000)  # files
SHARDS = 20  # folders among which they are
TURNS = 5
TEXT = "You summarize support threads for an agent. Be brief, and invent nothing.\n" * 6
LOAD = """
from pathlib import Path
import yaml
for file in Path().rglob("*.prompt.yml"):
    yaml.load(file.read_bytes(), yaml.CSafeLoader)
"""
FILE = """\
name: {name}
description: Answers a question of the support desk
model: openai/gpt-5-mini
modelParameters: {{temperature: 0.2, maxTokens: 300}}
metadata: {{owner: support-platform}}
"""


def measure() -> Iterator[Row]:
    """The command and the floor, in turns; a floor of no file tells what is for each file alone."""
    with tempfile.TemporaryDirectory() as folder:
        starts: dict[str, float] = {}
        for count in (1, *SIZES):
            author = _author(Path(folder) / str(count), count)
            works = {
                "check": [sys.executable, "-c", "from registry.cli import main; main()", "check"],
                "load": [sys.executable, "-c", LOAD],
            }
            samples: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(TURNS):
                for name, command in works.items():
                    samples[name].append(_cpu(partial(subprocess.run, command, cwd=author, check=True)))
