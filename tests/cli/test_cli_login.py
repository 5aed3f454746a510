"""Which registry is asked with which token: logins, variables, the data folder."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from cli.terminal import terminal
from cli.test_cli_connection import Bystander, listening

from registry.cli import credential, profiles
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.shell import Cli
    from support import Registry

A, B, C = (f"https://{host}.example.org" for host in "abc")


@pytest.fixture
def person(cli: Cli, served: Registry, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line of a person who has logged in to nothing, and a registry's token in a file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", cli.environment["XDG_CONFIG_HOME"])
    (cli.folder / "token").write_text(served.api.token + "\n")
    return cli


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A login to A and, later, one to B; the file, in a folder without a registry's data."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("URL", "TOKEN", "DATA"):
        monkeypatch.delenv(f"PROMPTSTAGE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    with profiles.editing() as found:
        found.tokens |= {A: "token-a", B: "token-b"}
        found.current = B
    yield profiles.path()
    credential.choose("")


def log_in(person: Cli, url: str) -> None:
    """Type a token; nothing of it is echoed."""
    token = (person.folder / "token").read_text()
    with terminal(person, "login", url) as shown:
        shown.see("Token for ")
        shown.type(token)
        shown.see(f"Logged in to {url}")
        assert token.strip() not in shown.text


def test_a_login_works_in_any_folder(person: Cli, served: Registry, tmp_path: Path) -> None:
    """The token is this user's alone to read; logging out takes it away."""
    log_in(person, served.url)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shown = json.loads(person("login", "--show", "--json").out)

    assert person("prompts", cwd=elsewhere).code == 0
    assert stat.S_IMODE(profiles.path().stat().st_mode) == 0o600
    assert (shown["url"], shown["token"]) == (served.url, True)
    assert person("logout").out == f"Logged out of {served.url}\n"
    assert person("login", "--list", "--json").out == '{\n  "data": []\n}\n'


def test_a_bad_token_is_not_kept(person: Cli, served: Registry) -> None:
    """It is tried first; what was kept stays."""
    log_in(person, served.url)
    (person.folder / "token").write_text("ps_guess\n")
    with terminal(person, "login", served.url) as shown:
        shown.see("Token for ")
        shown.type("ps_guess\n")
        shown.see("this token is not known here")

    assert person("prompts").code == 0


def test_a_token_is_read_from_a_pipe(person: Cli, served: Registry) -> None:
    """A script has no terminal; nothing on stdin is no token."""
    given = person.piped("login", served.url, "--json", stdin=served.api.token)
    empty = person.piped("login", served.url, stdin="")

    assert json.loads(given.out)["registries"] == [{"url": served.url, "current": True}]
    assert (empty.code, "no token was given" in empty.err) == (1, True)


def test_a_token_goes_nowhere_else(person: Cli, served: Registry) -> None:
    """Another registry gets none, and the refusal says how to log in there."""
    log_in(person, served.url)
    seen: list[Any] = []

    class Other(Bystander):
        def log_request(self, *_: object) -> None:
            seen.append(self.headers["Authorization"])

    with listening(Other) as url:
        person("prompts", PROMPTSTAGE_URL=url)
        person("--url", url, "prompts")

    assert seen == [None, None]


@pytest.mark.parametrize(
    ("flag", "variables", "found"),
    [
        ("", {}, (B, "token-b")),
        ("", {"URL": A}, (A, "token-a")),
        ("", {"URL": "HTTPS://A.example.org:443/"}, (A, "token-a")),
        (B, {"URL": A}, (B, "token-b")),
        (A, {"TOKEN": "t"}, (A, "t")),
        ("", {"TOKEN": "t"}, (B, "t")),
        ("", {"URL": C, "TOKEN": "t"}, (C, "t")),
        ("", {"URL": C}, (C, "")),
        ("", {"URL": f"{A}:8443"}, (f"{A}:8443", "")),
        ("", {"URL": "http://a.example.org"}, ("http://a.example.org", "")),
        ("", {"URL": "http://127.0.0.1:8000"}, ("http://127.0.0.1:8000", "local")),
        ("", {"URL": "http://[::1]:8000"}, ("http://[::1]:8000", "local")),
        ("", {"URL": C, "DATA": ".data"}, (C, "local")),
    ],
)
def test_what_comes_before_what(
    kept: Path, monkeypatch: pytest.MonkeyPatch, flag: str, variables: dict[str, str], found: tuple[str, str]
) -> None:
    """The option, the variable, the login, this machine; each token for its own URL."""
    data = kept.parents[1] / ".data"
    data.mkdir()
    (data / "admin.token").write_text("local\n")
    for name, value in variables.items():
        monkeypatch.setenv(f"PROMPTSTAGE_{name}", value)
    credential.choose(flag)
    target = credential.find()

    assert (target.url, target.credential.token) == found


@pytest.mark.parametrize("change", ["link", "link of the folder", "readable", "newer", "damaged", "a folder"])
def test_a_file_that_is_not_ours_alone(kept: Path, tmp_path: Path, change: str) -> None:
    """No link is followed, to read or to write; what is wrong is named."""
    before = kept.read_text()
    match change:
        case "link":
            kept.rename(tmp_path / "target")
            kept.symlink_to(tmp_path / "target")
        case "link of the folder":
            kept.parent.rename(tmp_path / "target-folder")
            kept.parent.symlink_to(tmp_path / "target-folder")
        case "readable":
            kept.chmod(0o644)
        case "a folder":
            kept.unlink()
            kept.mkdir()
        case _:
            kept.write_text(before.replace('"format": 1', '"format": 2') if change == "newer" else before[:9])
    found = kept.read_bytes() if kept.is_file() else b""

    with pytest.raises(Invalid, match="is not used: "):
        profiles.load()
    with pytest.raises(Invalid), profiles.editing() as edited:
        edited.tokens.clear()
    assert (kept.read_bytes() if kept.is_file() else b"") == found


def test_a_file_is_whole_or_as_it_was(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails on the way leaves nothing behind."""
    before = kept.read_bytes()
    monkeypatch.setattr("os.rename", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))

    with pytest.raises(Exception, match="cannot be written: No space left"), profiles.editing() as edited:
        edited.tokens.clear()
    assert kept.read_bytes() == before
    assert list(kept.parent.iterdir()) == [kept]


def test_what_a_variable_beats_is_said(person: Cli, served: Registry) -> None:
    """A login that is not used here would be a riddle."""
    done = person.piped("login", served.url, stdin=served.api.token, PROMPTSTAGE_URL=A)

    assert done.err.startswith(f"Note: here commands ask {A}, from PROMPTSTAGE_URL")


def test_a_folder_that_cannot_be_made(person: Cli, served: Registry) -> None:
    """The folder is named, and what does without."""
    done = person.piped("login", served.url, stdin=served.api.token, XDG_CONFIG_HOME="/dev/null")

    assert done.code == 1
    assert (
        "/dev/null/promptstage cannot be made: Not a directory; name another base in XDG_CONFIG_HOME"
        in done.err
    )
