"""``versions`` and ``diff``, asked of a real registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.shell import Cli


def test_versions_say_what_is_in_force(manager: Cli) -> None:
    """Newest first, with the role that each has where one is asked."""
    manager("promote", "summarize", "1.0.0")
    manager("promote", "summarize", "1.1.0")
    manager("start", "summarize", "1.2.0", "--steps", "5")

    lines = manager("versions", "summarize").out.splitlines()

    assert lines[0].split()[:2] == ["VERSION", manager.environment["PROMPTSTAGE_ENVIRONMENT"].upper()]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["2.0.0", "-"],
        ["1.2.0", "candidate,"],
        ["1.1.0", "stable"],
        ["1.0.0", "previous"],
    ]


def test_versions_say_what_is_wrong(manager: Cli) -> None:
    """One that cannot be served, and why."""
    manager("show", "broken")

    assert (
        "1.0.0 is invalid: prompts/broken.prompt.yml:1:11: messages must be"
        in manager("versions", "broken").out
    )


def test_diff(manager: Cli) -> None:
    """The lines, and the parts of the document that differ."""
    out = manager("diff", "summarize", "1.0.0", "1.1.0").out

    assert '-    content: "summarize 1.0.0: {{text}}"\n+    content: "summarize 1.1.0: {{text}}"\n' in out
    assert out.endswith("Changed:  messages\n")


def test_diff_has_colours_on_a_terminal_only(manager: Cli) -> None:
    """Green and red as everywhere."""
    drawn = manager("diff", "summarize", "1.0.0", "latest", FORCE_COLOR="1").out

    assert "\x1b[32m+" in drawn
    assert "\x1b[31m-" in drawn
    assert "\x1b" not in manager("diff", "summarize", "1.0.0", "latest").out


def test_diff_of_one_version(manager: Cli) -> None:
    """Nothing is no error."""
    done = manager("diff", "summarize", "1.0.0", "1.0.0")

    assert (done.code, done.out) == (0, "")
    assert "are the same" in done.err


def test_json(manager: Cli) -> None:
    """What the API answers."""
    assert json.loads(manager("versions", "summarize", "--json").out)["data"][0]["version"] == "2.0.0"
    assert json.loads(manager("diff", "summarize", "1.0.0", "2.0.0", "--json").out)["changed"] == [
        "variables",
        "messages",
    ]
