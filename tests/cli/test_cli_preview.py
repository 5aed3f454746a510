"""What is shown before it is done: to a person, and in a pipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from registry.cli import http
from registry.cli.credential import Credential, Target
from registry.wording import latest, preview
from registry.wording.difference import Comparison
from registry.wording.preview import Move

if TYPE_CHECKING:
    from cli.shell import Cli


def state(stable: str = "", previous: str = "", candidate: str = "") -> dict[str, Any]:
    """A state of these versions."""
    versions = [{"version": version} if version else None for version in (stable, previous, candidate)]
    rollout = {"candidate": versions[2]} if candidate else None
    return {"stable": versions[0], "previous": versions[1], "rollout": rollout}


@pytest.mark.parametrize(
    ("op", "version", "before", "goes"),
    [
        ("promote", "1", state(), Move("", "1")),
        ("promote", "2", state("1"), Move("1", "2")),
        ("promote", None, state("1", candidate="2"), Move("1", "2")),
        ("promote", "3", state("1", candidate="2"), None),
        ("promote", None, state("1"), None),
        ("promote", "1", state("1"), None),
        ("start", "2", state("1"), Move("1", "2")),
        ("start", "1", state(), None),
        ("start", "3", state("1", candidate="2"), None),
        ("rollback", None, state("1", candidate="2"), Move("2", "1")),
        ("rollback", None, state("2", "1"), Move("2", "1")),
        ("rollback", None, state("2"), None),
    ],
)
def test_where_a_command_goes(op: str, version: str | None, before: Any, goes: Move | None) -> None:
    """Nowhere, where the registry will say why it cannot."""
    assert preview.move(op, before, version) == goes


def test_a_start_is_shown(manager: Cli) -> None:
    """Versions, parts that change, users, times, audience; on stderr, so that a pipe has the result alone."""
    manager("promote", "summarize", "1.0.0")

    done = manager("start", "summarize", "1.1.0", "--steps", "5:1h,50", "--audience", "tenant=acme")

    shown = [line.split() for line in done.err.splitlines()]
    assert shown[shown.index(["Versions", "1.0.0", "→", "1.1.0"]) :][:4] == [
        ["Versions", "1.0.0", "→", "1.1.0"],
        ["Message", "summarize", "1.1.0"],
        ["Changes", "messages", "(+1", "-1", "lines:", "promptstage", "diff", "summarize", "1.0.0", "1.1.0)"],
        ["Users", "5%", "get", "1.1.0", "at", "once"],
    ]
    assert "  Then      50%  20" in done.err
    assert "  Audience  tenant is acme\n" in done.err
    assert len(done.out.splitlines()) == 1


def test_variables_that_apps_do_not_pass_yet_are_named(manager: Cli) -> None:
    """Before the registry refuses, and when it is forced."""
    manager("promote", "summarize", "1.0.0")

    refused, forced = (manager("promote", "summarize", "latest", *force) for force in ([], ["--force"]))

    assert re.search("Requires +language, which 1.0.0 does not; it takes --force", refused.err)
    assert re.search("Requires +language, which 1.0.0 does not; forced", forced.err)


def test_a_rollback_is_shown(manager: Cli) -> None:
    """What it goes back to, and for whom."""
    manager("promote", "summarize", "1.0.0")
    manager("start", "summarize", "1.1.0", "--plan", "fast")

    shown = manager("rollback", "summarize").err

    assert "  Versions  1.1.0 → 1.0.0\n" in shown
    assert "  Users     the 10% who have 1.1.0\n" in shown


def test_a_rollback_waits_for_nothing() -> None:
    """What it takes back is shown from the state alone: nothing is asked that may be slow just now."""
    registry = http.Registry(Target("http://127.0.0.1:9", "of a test", "", Credential("t", "a test")))
    order = preview.Order("rollback", "summarize", "production", {})
    before = {"prompt": "summarize", **state("2", "1")}

    shown = dict(preview.of(registry, order, before).facts)

    assert shown == {"Versions": "2 → 1", "Users": "everyone"}


@pytest.mark.parametrize(
    ("command", "helps"),
    [
        (["advance", "summarize"], "promptstage start summarize -e {} VERSION"),
        (["resume", "summarize"], "promptstage start summarize -e {} VERSION"),
        (["rollback", "summarize"], "promptstage history summarize -e {}"),
        (["promote", "summarize"], "promptstage promote summarize -e {} VERSION"),
        (["promote", "summarize", "1.0.0"], "promptstage status summarize -e {}"),
        (["start", "summarize", "7.0.0"], "promptstage doctor summarize"),
        (["start", "sumarize", "1.0.0"], "promptstage doctor sumarize"),
        (["show", "summarize", "7.0.0"], "promptstage doctor summarize"),
        (["history", "sumarize"], "promptstage doctor sumarize"),
    ],
)
def test_a_refusal_names_the_command_that_helps(manager: Cli, command: list[str], helps: str) -> None:
    """It can be pasted: the environment is in it."""
    manager("promote", "summarize", "1.0.0")

    done = manager(*command)

    assert done.code == 1
    assert done.err.endswith(f"\nTry:  {helps.format(manager.environment['PROMPTSTAGE_ENVIRONMENT'])}\n")


def test_a_remedy_names_the_version_that_was_asked_for(manager: Cli) -> None:
    """A rollout of a prompt that nobody has yet: what helps is one paste away."""
    environment = manager.environment["PROMPTSTAGE_ENVIRONMENT"]
    done = manager("start", "summarize", "1.1.0")

    assert done.err.endswith(f"\nTry:  promptstage promote summarize -e {environment} 1.1.0\n")


def test_a_version_that_is_invalid_is_not_asked_about(manager: Cli) -> None:
    """The registry refuses it, and says why; nothing is shown as if it could be done."""
    done = manager("promote", "broken", "1.0.0")

    assert done.err.startswith("Error: broken@1.0.0 is invalid: ")


def test_placeholders_and_partials_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partial that differs changes the text of every prompt that asks for it."""
    empty: dict[str, Any] = {"model": "", "parameters": {}, "variables": [], "messages": []}
    new = empty | {"messages": [{"placeholder": "history", "optional": True}]}
    documents = {"1.0.0": empty, "2.0.0": new}
    monkeypatch.setattr(latest, "version", lambda _, __, version: {"document": documents[version]})

    class Answers:
        def get(self, *_: str) -> Any:
            return {"unified": "", "changed": ["messages"], "partials": ["shared/style.md"]}

    assert list(Comparison(cast("Any", Answers()), "chat", "1.0.0", "2.0.0").parts()) == [
        ("Variables", "history none → messages, optional"),
        ("Partials", "shared/style.md"),
    ]
