"""What the command line says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer.main

from registry.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shell import Cli


def commands(group: object, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command, also those in groups."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_an_example(cli: Cli, command: tuple[str, ...]) -> None:
    """One that can be pasted, and a sentence that is not cut off in the list."""
    text = cli(*command, "--help").out
    listed = cli(*command[:-1], "--help").out

    assert f"Example:  promptstage {' '.join(command)}" in text
    assert f"\n  {command[-1]} " in listed
    assert "..." not in listed.partition("Options:")[2]


def test_commands_are_listed_by_their_users(cli: Cli) -> None:
    """Authors, release managers, operators."""
    headings = [line for line in cli("--help").out.splitlines() if line.endswith(":") and line[:1].isalpha()]

    assert headings == [
        "Options:",
        "Write prompts:",
        "Release them:",
        "See how calls went:",
        "Run the registry:",
    ]


@pytest.mark.parametrize(
    ("typo", "meant"),
    [(["statsu"], "status"), (["status", "--watsh"], "--watch"), (["promot", "x"], "promote")],
)
def test_a_typing_error_is_recognized(cli: Cli, typo: list[str], meant: str) -> None:
    """What may be meant is named; it is a usage error."""
    done = cli(*typo)

    assert done.code == 2
    assert meant in done.err
