"""``prompts``, ``show``, ``status`` and ``history``, asked of a real registry."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from uuid import uuid4

from outcomes_in import record
from support import until

from registry.wording import reads

if TYPE_CHECKING:
    import pytest
    from cli.shell import Cli
    from support import Registry

HOSTILE = "[bold]why[/bold] \x1b[31m\u202e\nnot"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
HARMLESS = r"[bold]why[/bold] \x1b[31m\u202e\nnot"


def test_prompts_are_listed_in_columns(manager: Cli) -> None:
    """A pipe gets aligned text."""
    lines = [line.split() for line in manager("prompts").out.splitlines()]

    assert lines[0] == ["PROMPT", "LATEST", "VERSIONS", "TITLE"]
    assert ["summarize", "2.0.0", "4", "summarize"] in lines


def test_a_title_cannot_play_tricks(manager: Cli) -> None:
    """Whoever may tag must not be able to draw on a release manager's terminal."""
    for out in (manager("prompts").out, manager("prompts", FORCE_COLOR="1").out):
        assert r"[red]Triage\u202e" in out


def test_a_long_list_is_read_page_by_page(manager: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, all are shown, once and in order."""
    whole = manager("prompts").out
    monkeypatch.setattr(reads, "PAGE", 1)

    assert manager("prompts").out == whole


def test_show_a_version(manager: Cli) -> None:
    """Where it comes from, and every word of it."""
    out = manager("show", "summarize", "1.1.0").out

    assert out.startswith("summarize@1.1.0\n")
    assert "Variables:    text\n" in out
    assert "by Ada <ada@example.org>\n" in out
    assert "user:\n  summarize 1.1.0: {{text}}\n" in out


def test_show_the_latest(manager: Cli) -> None:
    """Without a version."""
    assert manager("show", "support/triage").out.startswith("support/triage@1.0.0\n")


def test_show_what_is_wrong(manager: Cli) -> None:
    """A version that cannot be served says why."""
    assert (
        "Invalid:  prompts/broken.prompt.yml:1:11: messages must be a list" in manager("show", "broken").out
    )


def test_nothing_is_in_force_yet(manager: Cli) -> None:
    """The first command to give is named."""
    assert "promptstage promote NAME VERSION" in manager("status").err
    assert "promptstage promote summarize VERSION" in manager("status", "summarize").err


def test_status_shows_the_rollout(manager: Cli) -> None:
    """Who gets what, at which step, and when it goes on."""
    manager("promote", "summarize", "1.0.0")
    manager("start", "summarize", "1.1.0", "--steps", "25:2h,100")

    lines = manager("status").out.splitlines()

    assert lines[0].split() == ["PROMPT", "STABLE", "CANDIDATE", "SHARE", "STEP", "NEXT", "CLIENTS"]
    assert lines[1].split()[:6] == ["summarize", "1.0.0", "1.1.0", "███░░░░░░░", "25%", "1/2"]
    assert re.search("in (2h|1h 59m) +0/0$", lines[1])


def test_status_of_one_prompt_shows_the_rules(manager: Cli) -> None:
    """The steps in time, the audience, and what a rollback would do."""
    audience = ["--audience", "tenant=acme,globex,plan=pro"]
    manager("promote", "summarize", "1.0.0")
    manager("start", "summarize", "1.1.0", "--steps", "0,10:1h,50", *audience, "--reason", "try it")
    manager("advance", "summarize")

    out = manager("status", "summarize").out

    assert re.search(rf"\n1/3 +░+ 0% +{TIME} by admin: try it\n", out)
    assert re.search(rf"\n2/3 +█░+ 10% +now, since {TIME} by admin\n", out)
    assert re.search(rf"\n3/3 +█+░+ 50% +{TIME}\n", out)
    assert "Audience:  tenant is acme or globex and plan is pro\n" in out
    assert out.endswith("Rollback:  ends the rollout; 1.0.0 stays\n")


def test_status_shows_how_the_calls_of_each_arm_went(manager: Cli, served: Registry) -> None:
    """Beside the progress of a rollout, as soon as calls of it are reported."""
    environment = manager.environment["PROMPTSTAGE_ENVIRONMENT"]
    manager("promote", "summarize", "1.0.0")
    started = json.loads(manager("start", "summarize", "1.1.0", "--steps", "25,100", "--json").out)
    assert "CALLS" not in manager("status", "summarize").out
    rollout = started["state"]["rollout"]["id"]
    sent = [
        record(rollout=rollout, arm="stable", version="1.0.0", cost_usd=None, model="?"),
        *(
            record(rollout=rollout, arm="canary", version="1.1.0", duration_ms=1240.0, error=error)
            for error in (None, None, None, "Timeout")
        ),
        record(arm="stable", version="1.0.0"),
    ]
    path = f"/v1/environments/{environment}/calls"
    assert served.api.call("POST", path, {"batch": str(uuid4()), "calls": sent}).json["accepted"] == 6

    table = until(lambda: re.findall(r"\nARM .*(?:\n.+)+", manager("status", "summarize").out), "the calls")
    lines = [re.split(r" {2,}", line) for line in table[0].strip().splitlines()]
    assert lines[0] == ["ARM", "VERSION", "CALLS", "ERRORS", "P50", "P95", "COST A CALL", "FEEDBACK"]
    assert lines[1][:4] == ["canary", "1.1.0", "4", "1 (25.0 %)"]
    assert lines[1][4] in {"1.2 s", "1.3 s"}
    assert lines[1][6:] == ["$0.001", "-"]
    assert lines[2] == ["stable", "1.0.0", "1", "0 (0.0 %)", *lines[2][4:6], "-", "-"]


def test_history_tells_who_did_what_and_why(manager: Cli) -> None:
    """Newest first; a reason cannot play tricks either."""
    manager("promote", "summarize", "1.0.0", "--reason", HOSTILE)
    manager("start", "summarize", "1.1.0", "--plan", "fast", "--audience", "tenant=acme,globex")
    manager("advance", "summarize")

    changes = manager("history", "summarize").out.splitlines()[1:]

    assert [" ".join(change.split()[2:]) for change in changes] == [
        "admin advance 10% 50%",
        "admin start 1.0.0 1.1.0 10:4h,50:8h,100 + tenant is acme or globex",
        f"admin promote - 1.0.0 {HARMLESS}",
    ]


def test_history_is_as_long_as_wanted(manager: Cli) -> None:
    """The newest changes are those."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        manager("promote", "summarize", version)

    changes = json.loads(manager("history", "summarize", "-n", "2", "--json").out)["data"]

    assert [change["to"] for change in changes] == ["1.2.0", "1.1.0"]


def test_history_of_an_environment(manager: Cli) -> None:
    """Without a name: what changed there, whose it was, and when."""
    manager("promote", "support/triage", "1.0.0")
    manager("promote", "summarize", "1.0.0", "--reason", "first")

    everything = manager("history", "--since", "today").out.splitlines()
    nothing = manager("history", "--actor", "schedule")

    assert everything[0].split() == ["SEQ", "AT", "ACTOR", "CHANGE", "PROMPT", "FROM", "TO", "REASON"]
    assert [" ".join(line.split()[2:]) for line in everything[1:3]] == [
        "admin promote summarize - 1.0.0 first",
        "admin promote support/triage - 1.0.0",
    ]
    assert (nothing.out, "no such change" in nothing.err) == ("", True)


def test_json_is_the_registrys_own(manager: Cli) -> None:
    """Scripts get what the API answers."""
    manager("promote", "summarize", "1.0.0")

    assert json.loads(manager("prompts", "--json").out)["data"][0]["name"] == "broken"
    assert json.loads(manager("show", "summarize", "--json").out)["version"] == "2.0.0"
    assert json.loads(manager("status", "summarize", "--json").out)["stable"]["version"] == "1.0.0"
    assert len(json.loads(manager("status", "--json").out)["data"]) == 1


def test_names_that_are_none_never_leave_the_machine(manager: Cli) -> None:
    """A path in a name would ask for something else."""
    for arguments in (["show", "../catalog"], ["show", "summarize", "../x"], ["status", "-e", ".."]):
        assert manager(*arguments).code == 2


def test_nothing_in_force_yet(manager: Cli) -> None:
    """What helps is a command for this environment, not for another."""
    place = manager.environment["PROMPTSTAGE_ENVIRONMENT"]

    assert manager("status").err.endswith(f"begin: promptstage promote NAME VERSION -e {place}\n")
