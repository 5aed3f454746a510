"""The parts of the documentation that are written from the code.

python -m pages.generated     writes them again; `make docs` does this

`docs/command-line.md` is made from the ``--help`` of each command. In other pages a table stands between two
comments that name it. A test compares all of them with the code.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import typer.main
from pages.markdown import ROOT, read
from suites.differences import DIFFERENCES
from test_architecture import FLOORS, TO_COME

from registry import app
from registry.access.capabilities import MEANINGS, Capability
from registry.catalog.parsing.codes import CODES
from registry.cli.commands import EXIT_CODES
from registry.cli.main import app as command_line
from registry.cli.observe.columns import COLUMNS, TYPES
from registry.policies.events import EVENTS
from registry.settings import Settings
from registry.suites.checks.vocabulary import KINDS, WORDS
from registry.system import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND_LINE = "docs/command-line.md"
TABLE = re.compile(r"(<!-- generated: (?P<table>\w+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)
WIDTH = 100  # characters of a line of help
INTRODUCTION = f"""\
# The command line

`make docs` writes this page from the `--help` of each command.

{EXIT_CODES}
"""


def write() -> None:
    """Write everything again."""
    for page in (COMMAND_LINE, *TABLES):
        (ROOT / page).write_text(written(page), encoding="utf-8")


def written(page: str) -> str:
    """A page as the code has it now."""
    if page == COMMAND_LINE:
        return "\n".join((INTRODUCTION, *_commands()))
    tables = TABLES[page]
    return TABLE.sub(lambda found: f"{found[1]}{tables[found['table']]()}{found[3]}", read(page))


def _commands() -> Iterator[str]:
    """A section for each heading of the help, with each command's own help below it."""
    root: Any = typer.main.get_command(command_line)
    with _context(root, None, terminal_width=WIDTH, max_content_width=WIDTH) as context:
        yield _help(root, context)
        panel = ""
        for command in root.commands.values():
            if command.rich_help_panel != panel:
                panel = command.rich_help_panel
                yield f"## {panel}\n"
            yield from _command(command, context)


def _command(command: Any, parent: Any) -> Iterator[str]:
    with _context(command, parent) as context:
        yield f"### {context.command_path}\n"
        yield _help(command, context)
        for below in getattr(command, "commands", {}).values():
            yield from _command(below, context)


def _context(command: Any, parent: Any, **settings: int) -> Any:
    """What a command is asked for its help in."""
    name = command.name if parent else "promptstage"
    return command.context_class(
        command, parent=parent, info_name=name, **command.context_settings, **settings
    )


def _help(command: Any, context: Any) -> str:
    """The help without the exit codes, which are at the head of the page, and the options that all have."""
    lines = [line for line in command.get_help(context).splitlines() if not line.startswith("  -h, --help ")]
    kept = "\n".join(lines).partition("\n  Exit codes:")[0]
    return f"```text\n{re.sub(r'Options:$', '', kept.rstrip()).rstrip()}\n```\n"


def _codes() -> str:
    rows = (f"| `{code}` | {severity} | {meaning} |" for code, (severity, meaning) in CODES.items())
    return _table("| code | severity | meaning |", rows)


def _endpoints() -> str:
    paths = app.create(Settings()).openapi()["paths"]
    rows = (
        f"| {method.upper()} | `{path}` | {operation['summary']} |"
        for path, operations in paths.items()
        for method, operation in operations.items()
    )
    return _table("| method | path | what it does |", rows)


def _capabilities() -> str:
    rows = (f"| `{one}` | {MEANINGS[one]} |" for one in Capability)
    return _table("| role | what it may do |", rows)


def _events() -> str:
    rows = (f"| `{kind}` | {meaning} |" for kind, meaning in EVENTS.items())
    return _table("| event | when |", rows)


def _formats() -> str:
    rows = (f"| {number} | {meaning} |" for number, meaning in formats.JOURNAL.items())
    return _table("| format | what it allows beyond the one before |", rows)


def _columns() -> str:
    rows = (f"| `{name}` | {of.form or TYPES[of.arrow]} | {of.meaning} |" for name, of in COLUMNS.items())
    return _table("| field | type | what it is |", rows)


def _checks() -> str:
    rows = (
        f"| `{name}` | {kind.meaning} | {WORDS[kind.takes]}{BOUNDS[kind.bound]} | `{_example(name)}` |"
        for name, kind in KINDS.items()
    )
    return _table("| type | passes if the answer | value | example |", rows)


def _example(name: str) -> str:
    return json.dumps({"type": name, **KINDS[name].example}, ensure_ascii=False)


def _differences() -> str:
    rows = (f"| {one.theirs} | {one.ours} |" for one in DIFFERENCES)
    return _table("| promptfoo | here |", rows)


def _floors() -> str:
    """The rooms of the service, the highest floor first."""
    floors = [[name.removeprefix("registry.") for name in floor if name not in TO_COME] for floor in FLOORS]
    rooms = [", ".join(floor) for floor in floors if floor]
    drawn = [f'    f{number}["{names}"]' for number, names in enumerate(rooms)]
    drawn += [f"    f{number} --> f{number + 1}" for number in range(len(rooms) - 1)]
    return "\n".join(("```mermaid", "flowchart TB", *drawn, "```", ""))


def _table(head: str, rows: Iterator[str]) -> str:
    return "\n".join((head, "|---" * (head.count("|") - 1) + "|", *rows, ""))


BOUNDS = {"": "", "may": ", and perhaps a threshold", "must": ", and a threshold"}
TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "CONTRIBUTING.md": {"floors": _floors},
    "docs/compatibility.md": {"formats": _formats},
    "docs/costs.md": {"events": _events},
    "docs/http.md": {"endpoints": _endpoints},
    "docs/operating.md": {"capabilities": _capabilities},
    "docs/platforms.md": {"columns": _columns},
    "docs/prompt-file.md": {"codes": _codes},
    "docs/suites.md": {"checks": _checks, "differences": _differences},
}

if __name__ == "__main__":
    write()
