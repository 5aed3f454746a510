"""``doctor``: useful above all where nothing works."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from cli.test_cli_connection import Bystander, listening

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import Registry


def test_a_registry_that_is_well(manager: Cli, served: Registry) -> None:
    """Each line has a mark; which registry and which token are said first."""
    done = manager("doctor")
    lines = done.out.splitlines()

    assert done.code == 0
    assert lines[0] == f"✓  registry    {served.url} (from PROMPTSTAGE_URL)"
    assert lines[1] == "✓  token       The token is that of PROMPTSTAGE_TOKEN"
    assert any(line.startswith("✓  journal ") for line in lines)
    assert lines[-1] == "✓  your clock  agrees with the registry's"


def test_one_prompt(manager: Cli) -> None:
    """Its versions, those that cannot be served, and where it is in force."""
    manager("promote", "summarize", "1.0.0")

    told = "!  broken@1.0.0  it is invalid: prompts/broken.prompt.yml:1:11: messages must be a list"
    assert told in manager("doctor", "broken").out
    place = manager.environment["PROMPTSTAGE_ENVIRONMENT"]
    assert re.search(f"✓  {place} +1.0.0 is stable\n", manager("doctor", "summarize").out)


def test_an_unknown_prompt_is_an_error(manager: Cli) -> None:
    """The nearest name is one of the reasons."""
    done = manager("doctor", "sumarize")

    assert done.code == 1
    assert "did you mean summarize?" in done.out


def test_nobody_answers(cli: Cli) -> None:
    """The URL, where it comes from, the token, and what to look at."""
    done = cli("doctor", PROMPTSTAGE_URL="http://127.0.0.1:9")

    assert done.code == 1
    assert "✗  registry  no registry answers at http://127.0.0.1:9 (Connection refused)" in done.out
    assert "from PROMPTSTAGE_URL" in done.out
    assert "whether PROMPTSTAGE_URL is right" in done.out
    assert "PROMPTSTAGE_TOKEN is not set" in done.out


def test_a_token_that_nobody_knows(manager: Cli) -> None:
    """The registry is there, the token is the trouble; it is not shown."""
    done = manager("doctor", PROMPTSTAGE_TOKEN="ps_guess")

    assert done.code == 1
    assert "✓  registry " in done.out
    assert "✗  token " in done.out
    assert "The token is that of PROMPTSTAGE_TOKEN" in done.out
    assert "ps_guess" not in done.out + done.err


def test_a_url_that_is_none(cli: Cli) -> None:
    """Even that is a finding."""
    done = cli("doctor", "--json", PROMPTSTAGE_URL="registry:8000")

    assert done.code == 1
    assert json.loads(done.out)["checks"][0]["status"] == "error"


@pytest.mark.parametrize(("ahead", "status"), [(0, "ok"), (3600, "warning")])
def test_the_two_clocks_are_compared(cli: Cli, ahead: int, status: str) -> None:
    """Times that are typed would mean others there."""
    there = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + ahead))
    body = json.dumps({"checks": [], "time": there}).encode()
    with listening(type("Registry", (Bystander,), {"body": body})) as url:
        checks = json.loads(cli("doctor", "--json", PROMPTSTAGE_URL=url, PROMPTSTAGE_TOKEN="t").out)["checks"]

    assert (checks[-1]["name"], checks[-1]["status"]) == ("your clock", status)
