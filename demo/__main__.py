"""``make demo``: a prompt's way into production and back, in one terminal and under a minute.

Everything is real but the model: the commands, the registry, two apps in processes of their own, what they
log, and what they report. ``DEMO_PACE`` stretches or shortens the pauses for the reader (1 is normal speed).
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from demo.stage import APPS, DemoError, Stage

PACE = float(os.environ.get("DEMO_PACE", "1"))
READ_SECONDS = 0.8 * PACE  # for the reader, after a command
WATCH_SECONDS = 2.5 * PACE  # of log lines
PATIENCE_SECONDS = 20.0  # until one user in ten was among those who ask, and met an error of one in four
ENOUGH = 1100  # calls, from which a guard knows how long to wait for one; 1,000, and some under way
COLOURS = ("cyan", "green", "red")  # of the versions, in the order of their appearance
BAR = 40  # characters

MODELS = ("model: openai/gpt-5.4-mini", "model: openai/gpt-5.4")
# What the system message of the sample says at first, and what authors make of it.
FIRST = """Write three sentences at most:
      what the customer wants, what has been tried, and where it stands."""
BETTER = """Begin with the next step for the agent,
      then say in two sentences at most what was tried."""
WORSE = """Begin with the next step for the agent,
      then say what we promised the customer, and for which day."""

# What must stay as it is, and what went wrong.
CASES = (
    '{"id": "next-step", "vars": {"text": "Parcel 4711 is late."}, '
    '"assert": [{"type": "starts-with", "value": "Next step:"}]}\n'
    '{"id": "no-promise", "vars": {"text": "Where is parcel 4711?"}, '
    '"assert": [{"type": "not-icontains", "value": "promised"}]}\n'
)
RULES = """\
[environments.production.suite]
required = true
attesters = ["ci"]
"""

console = Console(highlight=False, soft_wrap=True)


class Story:
    """Tells it: commands as they are typed, what they say, and the apps' lines in the colours of versions."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._colours: dict[str, str] = {}

    def chapter(self, title: str) -> None:
        """Begin another part."""
        console.print()
        console.print(Rule(Text(title, "bold"), align="left", style="dim"))

    def do(self, line: str, *, folder: str = "", token: str = "", fails: bool = False) -> None:
        """Run a command before the reader's eyes, as `Stage.run` does."""
        console.print(Text.assemble(("$ ", "dim"), (line, "bold")))
        cwd = self._stage.folder / folder
        if said := self._stage.run(*shlex.split(line), cwd=cwd, token=token, fails=fails):
            console.print(Text.from_ansi(said))
        time.sleep(READ_SECONDS)

    def watch(self, *versions: str, error: str = "") -> None:
        """Show what the apps log, until each of these versions, and this error, was among it; and count."""
        seen: Counter[str] = Counter()
        missing = {*versions, *([error] if error else [])}
        begin = time.monotonic()
        while missing and time.monotonic() < begin + PATIENCE_SECONDS:
            for line in self._stage.hear(WATCH_SECONDS):
                if found := re.search(r" summarize@(\S+) ", line):
                    seen[found[1]] += 1
                    missing -= {found[1], *re.findall(r"\S+$", line)}
                    console.print(Text(line, self._colour(found[1])))
        for version in sorted(seen):
            share = seen[version] / seen.total()
            bar = "█" * max(1, round(share * BAR))
            console.print(
                Text(
                    f"{version}  {bar:<{BAR}}  {share:4.0%} of {seen.total()} requests", self._colour(version)
                )
            )
        if missing:
            raise DemoError(f"the apps were to log {sorted(missing)}, and logged {dict(seen)}")

    def edit(self, old: str, new: str) -> None:
        """Do what the author's editor does."""
        file = self._stage.folder / "prompts/prompts/summarize.prompt.yml"
        text = file.read_text()
        if old not in text:
            raise DemoError(f"{file} does not say {old!r}")
        file.write_text(text.replace(old, new))

    def await_rollback(self) -> float:
        """Wait for the guard; the milliseconds from its decision to the last app back on stable."""
        begin = self._stage.await_change("guard")
        back = dict(self._stage.rollbacks.get(timeout=PATIENCE_SECONDS) for _ in APPS)
        for name in APPS:
            console.print(
                Text(f"{name} served the old version again after {(back[name] - begin) * 1000:.0f} ms")
            )
        return (max(back.values()) - begin) * 1000

    def _colour(self, version: str) -> str:
        return self._colours.setdefault(version, COLOURS[len(self._colours) % len(COLOURS)])


def tell(stage: Stage) -> float:
    """Tell the whole story; the milliseconds of the rollback."""
    story = Story(stage)
    story.chapter("A repository of prompts, and a registry that serves it")
    story.do("promptstage init prompts")
    stage.start_registry()
    story.do('promptstage promote summarize 1.0.0 --yes --reason "first version"')

    story.chapter("Two apps: a line for each call, with its version, time, tokens and cost")
    stage.start_apps()
    story.watch("1.0.0")

    story.chapter("An author makes a better one")
    story.edit(FIRST, BETTER)
    story.do('git commit -qam "Next step first"', folder="prompts")
    story.do("promptstage tag summarize --yes", folder="prompts")

    story.chapter("Canary: one user in ten")
    story.do("promptstage start summarize 1.0.1 --steps 10,50,100 --yes")
    story.watch("1.0.0", "1.0.1")
    story.do("promptstage status summarize")

    story.chapter("It does well: half of the users, then everyone")
    story.do("promptstage advance summarize")
    story.watch("1.0.0", "1.0.1")
    story.do("promptstage promote summarize --yes --wait")
    stage.forget_rollbacks()

    story.chapter("A bad version: a larger model, which makes up promises")
    story.edit(BETTER, WORSE)
    story.edit(*MODELS)
    story.do('git commit -qam "Say what was promised"', folder="prompts")
    story.do("promptstage tag summarize --yes", folder="prompts")
    stage.await_calls("1.0.1", ENOUGH)
    story.do("promptstage start summarize 1.1.0 --steps 25,50,100 --guard --yes --wait")
    story.watch("1.0.1", "1.1.0", error="MadeUpPromise")
    story.do("promptstage status summarize")

    story.chapter("Nobody is awake: the guard counts calls 10 s after they began, and rolls back")
    took = story.await_rollback()
    story.do("promptstage evidence summarize")
    story.do("promptstage evidence verify summarize")
    story.watch("1.0.1")
    story.do("promptstage history summarize")
    story.do("promptstage usage summarize --by version")
    # USAGE
    require_suite(stage, story)
    return took


def require_suite(stage: Stage, story: Story) -> None:
    """Tell how what failed becomes a case, and how production refuses a version that fails it."""
    story.chapter("What went wrong becomes a case, and production requires a suite")
    stage.write("prompts/prompts/summarize.cases.jsonl", CASES)
    stage.write("rules.toml", RULES)
    story.do("cat rules.toml prompts/prompts/summarize.cases.jsonl")
    stage.run("git", "add", "prompts", cwd=stage.folder / "prompts")
    story.do('git commit -qm "Promise nothing"', folder="prompts")
    story.do("promptstage tag summarize --yes", folder="prompts")
    stage.start_registry("--config", "rules.toml")

    story.chapter("CI attests that 1.1.1 failed its suite, so nobody can promote it")
    ci = stage.token("ci", "attest")
    story.do("promptstage eval summarize --against stable --attest", folder="prompts", token=ci, fails=True)
    story.do("promptstage promote summarize 1.1.1 --yes", fails=True)


def main() -> int:
    """Play it in a folder that is thrown away."""
    terminal = {"FORCE_COLOR": "1", "COLUMNS": str(console.width)} if console.is_terminal else {}
    with (
        tempfile.TemporaryDirectory(prefix="promptstage-demo-") as folder,
        closing(Stage(Path(folder), terminal)) as stage,
    ):
        try:
            took = tell(stage)
        except DemoError as error:
            console.print(Text(str(error), "red"))
            return 1
        except KeyboardInterrupt:
            return 130
    console.print()
    console.print(
        Text(f"{took:.0f} ms from the rollback to the last app that served the old version again.", "bold")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
