"""What ``promptstage check`` takes for many files, beside PyYAML's C loader, which only loads them.

Each is a command of its own. What they take to start, which is what they take for one file, is taken away
from both for the ratio, and shown. Nothing here fails on a slow machine.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Row, median
from support import PromptRepository, prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (1_000, 5_000)  # files
TARGETED = 1_000
SHARDS = 20  # folders among which they are
TURNS = 3
TEXT = "You summarize support threads for an agent. Be brief, and invent nothing.\n" * 6 + "{{text}}"
HEAD = """\
description: Answers a question of the support desk
model: openai/gpt-5-mini
modelParameters: {temperature: 0.2, maxTokens: 300}
metadata: {owner: support-platform}
"""
LOAD = """
from pathlib import Path
import yaml
for file in Path().rglob("*.prompt.yml"):
    yaml.load(file.read_bytes(), yaml.CSafeLoader)
"""
COMMANDS = {"check": "from registry.cli.main import main; main()", "load": LOAD}


def measure() -> Iterator[Row]:
    """The command and the floor in turns, for one file and many; in seconds of the processor, with git's."""
    with tempfile.TemporaryDirectory() as folder:
        start = _commands(Path(folder) / "one", 1)
        yield Row("check of one file", start["check"][0], "s", start["check"][1], start["load"][0])
        for count in SIZES:
            found = _commands(Path(folder) / str(count), count)
            alone = {name: found[name][0] - start[name][0] for name in COMMANDS}
            target = "<= 4" if count == TARGETED else ""
            note = f"the whole command {found['check'][0]:.2f} s, {found['load'][0]:.2f} s"
            work = f"check of {count} files, without the start"
            yield Row(work, alone["check"], "s", found["check"][1], alone["load"], target, note)


def _commands(folder: Path, count: int) -> dict[str, tuple[float, float]]:
    """What each command takes, and the spread of it."""
    author = PromptRepository(folder)
    for number in range(count):
        file = folder / f"prompts/area-{number % SHARDS}/prompt-{number}.prompt.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"name: Prompt {number}\n{HEAD}{prompt(TEXT, 'text')}")
    author.git("add", "--all")
    author.git("commit", "--quiet", "-m", "Begin")
    samples: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(TURNS):
        for name, script in COMMANDS.items():
            samples[name].append(_seconds(folder, script))
    return {name: median(seconds) for name, seconds in samples.items()}


def _seconds(folder: Path, script: str) -> float:
    """Seconds of the processor that a Python and its children take for a script."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script, "check"], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
