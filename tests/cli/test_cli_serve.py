"""``promptstage serve``: what an operator reads when it starts, and when it does not."""

from __future__ import annotations

import os
import re
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from registry.errors import Invalid
from registry.server import workers
from registry.settings import Settings, passed_over, read

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository, Registry


def test_without_a_repository(cli: Cli) -> None:
    """The error holds a command that works."""
    done = cli.process("serve")

    assert done.code == 1
    assert "promptstage serve --repository ./prompts" in done.err


@pytest.mark.parametrize("path", ["nowhere", "folder", "repository/prompts"])
def test_a_path_that_is_no_repository(cli: Cli, author: PromptRepository, tmp_path: Path, path: str) -> None:
    """Neither an ordinary folder nor one inside a repository will do."""
    (tmp_path / "folder").mkdir()
    author.path.rename(tmp_path / "repository")

    done = cli.process("serve", "--repository", path, "--port", "0")

    assert done.code == 1
    assert f"{path} is no git repository" in done.err


def test_inside_of_a_repository_that_one_is_named(cli: Cli, author: PromptRepository) -> None:
    """Inside a clone the remedy names the repository, not its folder of prompts."""
    below = author.path / "prompts"

    assert "promptstage serve --repository ..\n" in cli("serve", cwd=below).err
    assert "promptstage serve --repository .\n" in cli("status", cwd=author.path).err
    assert cli("serve", "--repository", "prompts", cwd=author.path).err == (
        "Error: prompts is no git repository; it is a folder of one, so name that: --repository .\n"
    )


def test_without_git(cli: Cli, author: PromptRepository) -> None:
    """It is the one program that has to be there."""
    assert "git is not installed" in cli.process("serve", "--repository", author.path, PATH=os.devnull).err


def test_a_port_that_is_taken(cli: Cli, author: PromptRepository) -> None:
    """It says which, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = cli.process("serve", "--repository", author.path, "--port", port)

    assert done.code == 1
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in done.err
    assert "--port" in done.err


def test_a_data_folder_that_cannot_be_made(cli: Cli, author: PromptRepository, tmp_path: Path) -> None:
    """It is found out before anything is started."""
    (tmp_path / "file").write_text("")

    done = cli.process("serve", "--repository", author.path, "--data", "file/data")

    assert done.code == 1
    assert "the data folder file/data cannot be made" in done.err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ENVIRONMENTS", "Prod", "'Prod' is not an environment's name"),
        ("LOG_FORMAT", "xml", "write 'text' or 'json'"),
        ("POLL_SECONDS", "often", "write a number, such as 30"),
        ("POLL_SECONDS", "0", "write a number above 0"),
        ("PORT", "99999", "write a number up to 65535"),
        ("PORT", "http", "write a whole number"),
    ],
)
def test_a_setting_that_makes_no_sense(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    """The variable is named, and what to write."""
    monkeypatch.setenv(f"PROMPTSTAGE_{name}", value)

    with pytest.raises(Invalid, match=re.escape(f"PROMPTSTAGE_{name}: {words}")):
        read()


@pytest.mark.parametrize(
    "value", ["tcp://10.43.161.118:8000", "UDP://10.43.161.118:53", "tcp://[fd00::1]:80"]
)
def test_a_kubernetes_service_of_that_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    """Its variables are no settings: those are passed over, and the log says what keeps them out."""
    monkeypatch.setenv("PROMPTSTAGE_PORT", value)
    settings = Settings()
    with caplog.at_level("INFO"):
        workers._greet(settings, "http://127.0.0.1:8000")
    warning, _ = caplog.messages

    assert settings.port == 8000
    assert warning.startswith("PROMPTSTAGE_PORT is passed over: ")
    assert "enableServiceLinks: false" in warning


def test_a_port_that_is_given_beats_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is nothing to say."""
    monkeypatch.setenv("PROMPTSTAGE_PORT", "9000")

    assert (Settings().port, passed_over()) == (9000, [])


@pytest.mark.parametrize(
    ("name", "value", "read_as"),
    [
        ("host", "0.0.0.0\n", "0.0.0.0"),
        ("keep_calls", " 30d\r\n", 30),
        ("redis_url", "redis://cache:6379\n", "redis://cache:6379"),
        ("environments", "production, eu,production\n", ("production", "eu")),
        ("config", " ", None),
        ("port", " tcp://10.43.161.118:8000\n", 8000),
    ],
)
def test_the_space_around_a_value_is_not_of_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read_as: object
) -> None:
    """A file of variables or secrets ends with a line break, which nobody sees."""
    monkeypatch.setenv(f"PROMPTSTAGE_{name.upper()}", value)

    assert getattr(Settings(), name) == read_as


def test_rules_that_make_no_sense(cli: Cli, author: PromptRepository, tmp_path: Path) -> None:
    """A rule that would not be kept must not pass for one that is: nothing is started."""
    (tmp_path / "rules.toml").write_text("[environments.moon]\napproval = true\n")

    done = cli.process("serve", "--repository", author.path, "--config", "rules.toml")

    assert (done.code, (tmp_path / ".data/journal.git").exists()) == (1, False)
    assert done.err == (
        "Error: rules.toml: environments.moon: there is no such environment; there are production, staging\n"
    )


def test_the_log_names_the_real_port(served: Registry) -> None:
    """With `--port 0` nobody knows it otherwise."""
    assert f"running on {served.url} " in served.log


def test_a_key_never_reaches_the_log(served: Registry) -> None:
    """A key is a person; queries are not logged, whether they are answered or not."""
    for path in ("resolve/summarize", "nothing/of/the/kind"):
        served.api.get(f"/v1/environments/env-0/{path}?key=ada-lovelace")

    assert "ada-lovelace" not in served.log


@pytest.mark.parametrize("command", [[], ["-h"], ["--version"]])
def test_what_it_says_of_itself(cli: Cli, command: list[str]) -> None:
    """Help and version go to stdout."""
    assert "promptstage" in cli(*command).out


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such bound")
def test_a_client_that_vanished_is_not_waited_for() -> None:
    """What is sent to it and never arrives ends its connection, and so its stream is counted no more."""
    with workers.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            bound = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert bound == workers.VANISHED_MILLISECONDS
