"""The changing commands as scripts use them: ``--json``, ``--if-needed``, ``--dry-run``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shell import Cli

    State = Callable[[], Any]

STEPS = ("--steps", "5:60m,50,100")
SAME_STEPS = ("--steps", "5.0:1h,50,100")


def played(manager: Cli, *commands: str) -> None:
    """What was done before: commands of summarize."""
    for command in commands:
        op, *rest = command.split()
        assert manager(op, "summarize", *rest).code == 0, command


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (["promote 1.0.0"], ["promote", "1.0.0"]),
        (["promote 1.0.0", "start 1.1.0 --steps 5:60m,50,100"], ["start", "1.1.0", *SAME_STEPS]),
        (["promote 1.0.0", "start 1.1.0 --steps 5", "promote"], ["start", "1.1.0", *STEPS]),
        (["promote 1.0.0", "start 1.1.0", "pause"], ["pause"]),
        (["promote 1.0.0", "start 1.1.0"], ["resume"]),
        (["promote 1.0.0", "promote 1.1.0", "rollback"], ["rollback"]),
        ([], ["rollback"]),
        (["promote 1.0.0"], ["advance"]),
        (["promote 1.0.0"], ["approve"]),
        (["promote 1.0.0"], ["reject"]),
    ],
    ids=lambda value: " ".join(value[-1:]),
)
def test_what_is_so_already(manager: Cli, state: State, before: list[str], command: list[str]) -> None:
    """With --if-needed it is no error, and no change; without it, it is what it was."""
    played(manager, *before)
    then = state()
    op, *rest = command
    done = manager(op, "summarize", *rest, "--if-needed", "--json")
    told = json.loads(done.out)

    assert (done.code, told["changed"], told["state"]) == (0, False, then)
    assert state() == then
    assert manager(op, "summarize", *rest).code == 1


@pytest.mark.parametrize(
    "command",
    [
        ["start", "1.1.0", "--steps", "6:60m,50,100"],
        ["start", "1.1.0", *STEPS, "--audience", "tenant=acme"],
        ["start", "1.2.0", *STEPS],
        ["promote", "1.0.0"],
        ["promote", "1.2.0"],
    ],
    ids=" ".join,
)
def test_another_rollout_is_not_the_same(manager: Cli, command: list[str]) -> None:
    """Another plan, audience or version is refused, as without --if-needed."""
    played(manager, "promote 1.0.0", f"start 1.1.0 {' '.join(STEPS)}")
    op, *rest = command
    done = manager(op, "summarize", *rest, "--if-needed", "--json")

    assert (done.code, json.loads(done.out)["code"]) == (1, "rollout_active")


def test_what_is_needed_is_done(manager: Cli, state: State) -> None:
    """A promote ends a rollout of its version; the answer is the registry's."""
    played(manager, "promote 1.0.0", "start 1.1.0")
    done = manager("promote", "summarize", "1.1.0", "--if-needed", "--json")
    told = json.loads(done.out)

    assert (done.code, told["state"]) == (0, state())
    assert told.keys() == {"epoch", "seq", "commit", "applied", "state"}
    assert done.err == ""


def test_a_refusal_as_json(manager: Cli) -> None:
    """It is the registry's own problem, whole; for people it is said beside."""
    played(manager, "promote 1.0.0")
    done = manager("promote", "summarize", "1.0.0", "--json")
    told = json.loads(done.out)

    assert (done.code, told["status"], told["code"]) == (1, 409, "already_stable")
    assert told["state"]["stable"]["version"] == "1.0.0"
    assert done.err.startswith("Error: ")


@pytest.mark.parametrize("command", ["status", "prompts", "promote", "doctor", "history", "explain"])
def test_no_registry_as_json(cli: Cli, command: str) -> None:
    """Whoever parses what comes on stdout can, whatever went wrong."""
    rest = {"promote": ["a", "1.0.0"], "history": ["a"], "explain": ["a", "--key", "u"]}.get(command, [])
    done = cli(command, *rest, "--json", PROMPTSTAGE_URL="http://127.0.0.1:9", PROMPTSTAGE_TOKEN="t")
    told = json.loads(done.out)

    assert done.code == 1
    assert told.get("code", "unavailable") == "unavailable"
    assert "no registry answers" in done.out


def test_a_late_client_as_json(manager: Cli) -> None:
    """The change is made: the error that says that not all clients have it says that too."""
    done = manager("promote", "summarize", "1.0.0", "--wait-seconds", "0", "--json")
    told = json.loads(done.out)

    assert told["state"]["stable"]["version"] == "1.0.0"
    assert (done.code, told.get("code")) in {(0, None), (1, "late")}


def test_a_dry_run_changes_nothing(manager: Cli, state: State) -> None:
    """It shows what a person would be asked about, for programs too."""
    played(manager, "promote 1.0.0")
    before = state()
    command = ("start", "summarize", "1.1.0", "--steps", "5,10:4s,100", "--dry-run")
    told = json.loads(manager(*command, "--json").out)
    shown = manager(*command)

    assert (told["from"], told["to"], told["changed"]) == ("1.0.0", "1.1.0", ["messages"])
    assert told["differs"] == {"model": {}, "parameters": {}, "variables": {}, "tools": {}}
    assert told["plan"][2] == {"share": "100%", "when": "by itself, 4s after it reaches 10%"}
    assert '+    content: "summarize 1.1.0' in told["unified"]
    assert shown.err.endswith("Note: nothing was changed: this was --dry-run\n")
    assert state() == before


def test_what_differs_is_shown(manager: Cli) -> None:
    """The text as far as it fits beside the question, what else changed, and how to see all."""
    manager("promote", "greeting", "1.0.0")
    lines = [line.strip() for line in manager("promote", "greeting", "1.1.0").err.splitlines()]

    assert "+      line 5" in lines
    assert [line for line in lines if line.startswith("… and")] == ["… and 70 more lines"], lines
    assert "Model       a → b" in lines
    assert "Parameters  temperature 1 → none, topP none → 1" in lines
    assert "Variables   text required → none, tone none → optional, else warm" in lines
    assert any("promptstage diff greeting 1.0.0 1.1.0)" in line for line in lines)


def test_a_first_version_is_shown(manager: Cli) -> None:
    """All of it is new."""
    lines = [line.strip() for line in manager("promote", "summarize", "1.0.0").err.splitlines()]

    assert lines[1:3] == ["+user:", "+  summarize 1.0.0: {{text}}"]
    assert "Changes   all of it is new: promptstage show summarize 1.0.0" in lines


BROKEN = "the latest of greeting is 1.1.0; 1.2.1 is passed over, as it is invalid: "


@pytest.mark.parametrize("op", ["promote", "start"])
def test_a_latest_that_is_invalid_is_not_passed_over_in_silence(manager: Cli, op: str) -> None:
    """A script is refused, and told which and why; with -y it goes on, and is told."""
    manager("promote", "greeting", "1.0.0")
    refused = manager(op, "greeting", "latest")
    done = manager(op, "greeting", "latest", "-y", "--json")

    assert refused.code == 1
    assert refused.err.startswith(f"Error: {BROKEN}")
    assert "1.2.0 is passed over" in refused.err
    assert "repeat it with -y" in refused.err
    assert done.err.startswith(f"Note: {BROKEN}")
    made = json.loads(done.out)["state"]
    assert (made["rollout"]["candidate"] if op == "start" else made["stable"])["version"] == "1.1.0"


@pytest.mark.parametrize("command", [["show", "greeting"], ["diff", "greeting", "1.0.0", "latest"]])
def test_a_reader_of_the_latest_is_told(manager: Cli, command: list[str]) -> None:
    """Beside the result, which stays as it is."""
    done = manager(*command, "--json")

    assert done.code == 0
    assert json.loads(done.out)
    assert done.err.startswith(f"Note: {BROKEN}")
