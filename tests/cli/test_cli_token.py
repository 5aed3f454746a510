"""``promptstage token``, against a real registry."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from registry.cli.operate.token import expiry

if TYPE_CHECKING:
    from cli.shell import Cli, Done
    from support import Registry


def create(manager: Cli, name: str, *options: str) -> Done:
    """Make a reader's token."""
    return manager("token", "create", "--role", "reader", "--name", name, *options)


def test_the_secret_alone_is_on_stdout(manager: Cli) -> None:
    """So that a shell can keep it; what it is for is said on stderr."""
    done = create(manager, "shell", "-e", manager.environment["PROMPTSTAGE_ENVIRONMENT"], "--expires", "90d")
    secret = done.out.removesuffix("\n")

    assert manager("status", PROMPTSTAGE_TOKEN=secret).code == 0
    assert manager("promote", "summarize", "1.0.0", PROMPTSTAGE_TOKEN=secret).code == 1
    assert f"is reader in {manager.environment['PROMPTSTAGE_ENVIRONMENT']}, until 20" in done.err
    assert "it is not shown again" in done.err


def test_a_token_has_a_name_in_any_case(manager: Cli) -> None:
    """One is made up, after the role."""
    made = json.loads(manager("token", "create", "--role", "releaser", "--json").out)

    assert made["name"].startswith("releaser-")
    assert made["secret"].startswith("ps_")


def test_a_token_has_several_roles(manager: Cli) -> None:
    """In any order, and --if-needed finds it again; a single one is asked for as it ever was."""
    command = ("token", "create", "--name", "several", "--if-needed", "--json")
    made = json.loads(manager(*command, "--role", "judge", "--role", "app").out)
    again = json.loads(manager(*command, "--role", "app", "--role", "judge", "--role", "reader").out)
    fewer = json.loads(manager(*command, "--role", "app").out)
    (line,) = [line for line in manager("token", "list").out.splitlines() if "several" in line]

    assert (made["capabilities"], again["id"], again["changed"]) == (["app", "judge"], made["id"], False)
    assert fewer["code"] == "name_taken"
    assert line.split()[1:4] == ["several", "app,", "judge"]
    assert "app, judge) is revoked" in manager("token", "revoke", "several", "--yes").out


def test_tokens_are_listed(manager: Cli) -> None:
    """What they are for, where they hold, and for how long."""
    secret = create(manager, "listed", "-e", "env-1", "-e", "env-2", "--expires", "2h").out.strip()
    out = manager("token", "list").out
    (line,) = [line for line in out.splitlines() if "listed" in line]

    assert out.split("\n")[0].split() == ["ID", "NAME", "ROLE", "ENVIRONMENTS", "CREATED", "EXPIRES"]
    assert line.split()[1:5] == ["listed", "reader", "env-1,", "env-2"]
    assert line.split()[6:] in (["in", "2h"], ["in", "1h", "59m"])
    assert secret not in out
    assert "digest" not in manager("token", "list", "--json").out


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_token_is_revoked(manager: Cli, by: str) -> None:
    """By its id, or by its name."""
    made = json.loads(create(manager, f"revoked-by-{by}", "--json").out)
    done = manager("token", "revoke", made[by], "--yes", "--reason", "a test")

    assert done.out == f"{made['name']} ({made['id']}, reader) is revoked\n"
    refused = manager("prompts", PROMPTSTAGE_TOKEN=made["secret"])
    assert (refused.code, "was revoked at" in refused.err) == (1, True)


def test_a_script_makes_and_ends_a_token(manager: Cli) -> None:
    """Once, however often it runs; a secret is shown when it is made, and never again."""
    command = ("script", "-e", "env-1", "--if-needed", "--json")
    made, again = (json.loads(create(manager, *command).out) for _ in range(2))
    other = json.loads(create(manager, "script", "-e", "env-2", "--if-needed", "--json").out)
    ended, gone = (
        json.loads(manager("token", "revoke", "script", "--if-needed", "--json").out) for _ in range(2)
    )

    assert made["secret"].startswith("ps_")
    assert (again["id"], again["secret"], again["changed"]) == (made["id"], None, False)
    assert other["code"] == "name_taken"
    assert ended["seq"] > 0
    assert gone == {"changed": False}


def test_what_cannot_be_revoked(manager: Cli) -> None:
    """A token that there is not; and the last admin."""
    unknown = manager("token", "revoke", "nobody", "--yes")
    last = manager("token", "revoke", "admin", "--yes")

    assert (unknown.code, "promptstage token list" in unknown.err) == (1, True)
    assert (last.code, "the last token that manages tokens" in last.err) == (1, True)


def test_a_lost_token_is_no_lost_registry(manager: Cli, served: Registry) -> None:
    """On the machine of the journal there is a way back, which every refusal names, and the journal notes."""
    refused = manager("token", "list", PROMPTSTAGE_TOKEN="ps_any")
    needless = manager("token", "recover", "--data", served.data)
    file = served.data / "admin.token"
    kept = file.read_text()
    file.unlink()
    done = manager("token", "recover", "--data", served.data)
    listed = manager("token", "list", PROMPTSTAGE_TOKEN=file.read_text().strip())
    file.write_text(kept)

    assert "promptstage token recover" in refused.err
    assert needless.out.startswith("Nothing to do: the token admin (")
    assert (done.code, f"Its secret is in {file}" in done.out) == (0, True)
    assert (listed.code, "admin-2" in listed.out) == (0, True)


def test_the_registrys_own_words(manager: Cli) -> None:
    """What is wrong with a wish is said by the registry."""
    assert "write 90d, 12h" in create(manager, "words", "--expires", "soon").err
    assert "there is no environment 'moon'" in create(manager, "words", "-e", "moon").err


@pytest.mark.parametrize(
    ("moment", "words"),
    [(None, "never"), ("2026-05-13T00:00:00Z", "in 12d"), ("2026-04-30T00:00:00Z", "expired")],
)
def test_expiry_in_words(moment: str | None, words: str) -> None:
    """As seen from now."""
    assert expiry(moment, datetime(2026, 5, 1, tzinfo=UTC)) == words
