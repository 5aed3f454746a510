"""What is different where a person sits at a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from cli.terminal import terminal
from cli.test_cli_connection import lagging
from support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shell import Cli
    from support import Registry

    State = Callable[[], Any]


@pytest.fixture(autouse=True)
def _stable(manager: Cli) -> None:
    """1.0.0 is in force."""
    assert manager("promote", "summarize", "1.0.0").code == 0


def test_a_person_is_asked_and_may_say_no(manager: Cli, state: State) -> None:
    """What changes is shown before; without a yes nothing does."""
    with terminal(manager, "start", "summarize", "1.1.0", "--steps", "5,100") as shown:
        shown.see("Go ahead")
        assert "1.0.0 → 1.1.0" in shown.text
        shown.type("\n")

        assert shown.process.wait(PATIENCE) == 1
        shown.see("nothing was changed")
    assert state()["rollout"] is None


def test_a_person_who_says_yes(manager: Cli, state: State) -> None:
    """Then it is done."""
    with terminal(manager, "promote", "summarize", "1.1.0") as shown:
        shown.see("Go ahead")
        shown.type("y\n")

        assert shown.process.wait(PATIENCE) == 0
    assert state()["stable"]["version"] == "1.1.0"


def test_nobody_is_asked_with_yes(manager: Cli, state: State) -> None:
    """``-y`` shows, and goes on."""
    with terminal(manager, "start", "summarize", "1.1.0", "-y") as shown:
        assert shown.process.wait(PATIENCE) == 0
        shown.see("1.1.0 for 5%")
        assert "Go ahead" not in shown.text
    assert state()["rollout"]["candidate"]["version"] == "1.1.0"


def test_nobody_is_asked_what_would_be_refused(manager: Cli) -> None:
    """A version that needs more variables is refused at once, with what helps."""
    with terminal(manager, "start", "summarize", "2.0.0") as shown:
        assert shown.process.wait(PATIENCE) == 1
        shown.see("--force")
        assert "Go ahead" not in shown.text


def test_what_was_changed_while_a_person_thought_is_not_overrun(manager: Cli, state: State) -> None:
    """The answer says who was faster, and with what."""
    manager("start", "summarize", "1.1.0", "--steps", "5,20,100")
    with terminal(manager, "rollback", "summarize") as shown:
        shown.see("Go ahead")
        manager("advance", "summarize")
        shown.type("y\n")

        assert shown.process.wait(PATIENCE) == 1
        shown.see("somebody changed it meanwhile: advance 5% → 20% by admin")
    assert state()["rollout"]["step"] == 1


def test_a_person_who_waits_sees_how_far_it_is(manager: Cli, served: Registry) -> None:
    """On one line, of which nothing stays but the end."""
    later = f"{int(time.time()) + 60}.1"  # than the change, but not as far ahead as only a wrong clock is
    rows = [{"prompt": "summarize", "release": later, "connected": 12, "current": n} for n in (7, 12)]
    with lagging(served.url, *rows) as url:
        manager.environment["PROMPTSTAGE_URL"] = url
        with terminal(manager, "promote", "summarize", "1.1.0", "--wait", "-y") as shown:
            assert shown.process.wait(PATIENCE) == 0
            shown.see("7 of 12 clients have it")
            shown.see(r"all 12 connected clients have it \(\d+ ms after the command\)")


def test_a_person_who_waits_no_longer(manager: Cli, served: Registry) -> None:
    """The change itself is made, which is said."""
    row = {"prompt": "summarize", "release": "9999999999.1", "connected": 2, "current": 1}
    with lagging(served.url, row) as url:
        manager.environment["PROMPTSTAGE_URL"] = url
        with terminal(manager, "promote", "summarize", "1.1.0", "--wait", "-y") as shown:
            shown.see("1 of 2 clients have it")

            assert shown.interrupt() == 1
            shown.see("the change itself is made")


def test_status_is_redrawn_until_interrupted(manager: Cli) -> None:
    """In its place, so a change comes by itself; Ctrl-C is no error."""
    with terminal(manager, "status", "--watch") as shown:
        shown.see("summarize +1.0.0")
        manager("start", "summarize", "1.1.0", "--steps", "5,100")
        shown.see("summarize +1.0.0 +1.1.0 +█░+ 5%")

        assert shown.interrupt() == 0
        assert "Traceback" not in shown.text
