"""Private repositories: what opens them, that it goes nowhere else, and what is said if they stay shut."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from git_hosts import http_host, make_certificate, make_key, ssh_host

from registry.catalog.mirror.mirror import Mirror
from registry.errors import GitFailed
from registry.git.remote import Credentials, Remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_hosts import HttpHost, SshHost
    from support import PromptRepository

SECRET = "hunter2-of-the-robot"


@pytest.fixture
def host(author: PromptRepository) -> Iterator[HttpHost]:
    """The author's repository over http, for those who know the secret."""
    author.tag("a", "1.0.0")
    with http_host(author.path.parent, f"x-access-token:{SECRET}") as started:
        yield started


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with the token, in a place that wants quoting."""
    file = tmp_path / "it's a token"
    file.write_text(f"{SECRET}\n")
    return file


@pytest.fixture
def sshd(author: PromptRepository, tmp_path: Path) -> Iterator[SshHost]:
    """The author's repository over ssh."""
    author.tag("a", "1.0.0")
    with ssh_host(tmp_path / "sshd") as started:
        yield started


def sync(tmp_path: Path, url: str, *files: Path | None) -> Mirror:
    """Look at a repository, with credentials in the order of `Credentials`."""
    mirror = Mirror(tmp_path / "data", url, Credentials(*files))
    try:
        mirror.sync()
    finally:
        mirror.close()
    return mirror


def complaint(tmp_path: Path, url: str, *files: Path | None) -> str:
    """What is said if that fails, which the report says too."""
    with pytest.raises(GitFailed) as caught:
        sync(tmp_path, url, *files)
    assert Mirror(tmp_path / "data", url).report()["error"] == caught.value.message
    return caught.value.message


def of_all_processes(kind: str) -> bytes:
    """The arguments (`cmdline`) or the environments of everything that runs."""
    found = b""
    for file in Path("/proc").glob(f"[0-9]*/{kind}"):
        try:
            found += file.read_bytes()
        except OSError:  # it ended, or is not ours to look at
            continue
    return found


# Over https


def test_a_token_opens_a_repository(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """A file with nothing but the token is enough."""
    mirror = sync(tmp_path, f"{host.url}/author", token_file)

    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_a_host_may_want_a_certain_user(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """Then the file holds user:token; a line end of Windows does no harm."""
    host.password = f"robot:{SECRET}:with:colons"
    token_file.write_bytes(host.password.encode() + b"\r\nnot this\n")

    assert list(sync(tmp_path, f"{host.url}/author", token_file).tags()) == ["a/v1.0.0"]


def test_a_bare_token_has_the_user_that_its_host_advises(token_file: Path) -> None:
    """Most take any; Bitbucket does not."""
    helper = Remote("https://bitbucket.org/team/prompts.git", Credentials(token_file)).config()[-1]

    assert helper.startswith("credential.https://bitbucket.org.helper=!")
    assert "line=x-token-auth:$line" in helper


def test_a_token_may_be_renewed(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """The next look takes the new one; nothing has to be started again."""
    mirror = sync(tmp_path, f"{host.url}/author", token_file)
    host.password = "x-access-token:new"
    with pytest.raises(GitFailed, match="refuses the token"):
        mirror.sync()

    token_file.write_text("new")
    mirror.sync()

    assert mirror.report()["error"] is None


def test_a_token_is_seen_by_nobody_else(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """While git runs, it is in no argument and no environment; afterwards in no file of ours."""
    seen: list[bytes] = []
    host.during = lambda: seen.append(of_all_processes("cmdline") + of_all_processes("environ"))

    sync(tmp_path, f"{host.url}/author", token_file)

    assert f"x-access-token:{SECRET}" in host.seen
    assert b"remote-http" in seen[0]
    assert SECRET.encode() not in b"".join(seen)
    assert [
        f for f in (tmp_path / "data").rglob("*") if f.is_file() and SECRET.encode() in f.read_bytes()
    ] == []


def test_a_token_follows_no_redirect(
    host: HttpHost, token_file: Path, author: PromptRepository, tmp_path: Path
) -> None:
    """It is for the host that is configured, though another one asks for it just so."""
    with http_host(author.path.parent, host.password) as thief:
        host.elsewhere = thief.url
        said = complaint(tmp_path, f"{host.url}/author", token_file)

        assert set(thief.seen) == {""}
    assert SECRET not in said


def test_a_wrong_token_is_told(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """By its file, without showing it."""
    token_file.write_text("wrong-" + SECRET)

    said = complaint(tmp_path, f"{host.url}/author", token_file)

    assert said.startswith(f"127.0.0.1:{host.server_port} refuses the token in {token_file}; write one there")
    assert SECRET not in said + (tmp_path / "data/mirror.git/report.json").read_text()


def test_a_token_that_is_needed_is_told(host: HttpHost, tmp_path: Path) -> None:
    """The remedy is a setting, not git's words about terminals."""
    said = complaint(tmp_path, f"{host.url}/author")

    assert "is private or does not exist" in said
    assert "PROMPTSTAGE_GIT_TOKEN_FILE" in said


def test_a_tag_is_not_blamed_for_its_host(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """A host that shuts between list and fetch does not delay the tag: the next look tries it again."""
    right = host.password
    requests = iter([right, right, right])  # asked for the token, for the protocol, and for the list
    host.during = lambda: setattr(host, "password", next(requests, "another"))
    mirror = Mirror(tmp_path / "data", f"{host.url}/author", Credentials(token_file))
    with pytest.raises(GitFailed, match="refuses the token"):
        mirror.sync()
    between = (mirror.report()["failed"], len(host.seen) > 3)

    host.during = lambda: setattr(host, "password", right)
    mirror.sync()

    assert between == ({}, True)
    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_a_repository_that_is_not_there(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """A wrong address and a token without rights look the same from here."""
    assert "shows no repository at" in complaint(tmp_path, f"{host.url}/other", token_file)


def test_a_token_is_not_sent_in_the_open(token_file: Path, tmp_path: Path) -> None:
    """Plain http is for this machine alone."""
    said = complaint(tmp_path, "http://example.org/prompts.git", token_file)

    assert said == ("the token would be sent unencrypted; write http://example.org/prompts.git with https://")


def test_a_missing_or_empty_token_file_is_told(host: HttpHost, tmp_path: Path) -> None:
    """Before anybody is asked."""
    file = tmp_path / "token"
    missing = complaint(tmp_path, f"{host.url}/author", file)
    file.write_text("\n")

    empty = complaint(tmp_path, f"{host.url}/author", file)

    assert missing == (
        f"PROMPTSTAGE_GIT_TOKEN_FILE names {file}, which cannot be read (No such file or directory); "
        "correct one of them"
    )
    assert empty == f"{file} is empty; write a token into its first line"
    assert host.seen == []


def test_a_certificate_that_nobody_trusts_is_told(host: HttpHost, token_file: Path, tmp_path: Path) -> None:
    """The token does not go there, and how to trust a company's own authority is said."""
    pair = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    host.socket = context.wrap_socket(host.socket, server_side=True)

    said = complaint(tmp_path, f"https://127.0.0.1:{host.server_port}/author", token_file)

    assert "is not one that this machine trusts" in said
    assert host.seen == []


# Over ssh


def test_a_key_opens_a_repository(sshd: SshHost, author: PromptRepository, tmp_path: Path) -> None:
    """With a host that is known; the names of the files hold spaces."""
    mirror = sync(tmp_path, sshd.url(author.path), None, sshd.key, sshd.known_hosts)

    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_the_name_of_a_key_is_only_a_name(sshd: SshHost, author: PromptRepository, tmp_path: Path) -> None:
    """Neither ssh nor a shell reads anything else in it."""
    key = tmp_path / 'a "key" \\ $(of) 100%h; x'
    shutil.copy(sshd.key, key)

    mirror = sync(tmp_path, sshd.url(author.path), None, key, sshd.known_hosts)

    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_an_unknown_host_is_not_talked_to(sshd: SshHost, author: PromptRepository, tmp_path: Path) -> None:
    """How to know it is said, with the port."""
    sshd.known_hosts.write_text("")

    said = complaint(tmp_path, sshd.url(author.path), None, sshd.key, sshd.known_hosts)

    assert said == (
        f"the host key of 127.0.0.1:{sshd.port} is not in {sshd.known_hosts}; "
        f"run `ssh-keyscan -p {sshd.port} 127.0.0.1 >> '{sshd.known_hosts}'`, "
        f"compare `ssh-keygen -lf '{sshd.known_hosts}'` with what the host publishes, "
        "and name that file in PROMPTSTAGE_GIT_KNOWN_HOSTS"
    )


def test_without_a_file_the_users_known_hosts_count(
    sshd: SshHost, author: PromptRepository, tmp_path: Path
) -> None:
    """Which do not hold this one."""
    said = complaint(tmp_path, sshd.url(author.path), None, sshd.key)

    assert "is not in the known_hosts of this user" in said


def test_a_changed_host_key_is_told(sshd: SshHost, author: PromptRepository, tmp_path: Path) -> None:
    """It may be an attack, so nobody is told just to accept it."""
    sshd.expect(make_key(tmp_path / "another"))

    said = complaint(tmp_path, sshd.url(author.path), None, sshd.key, sshd.known_hosts)

    assert "shows another host key than before, so somebody may be in between; ask those who run it" in said


def test_a_key_that_the_host_does_not_know_is_told(
    sshd: SshHost, author: PromptRepository, tmp_path: Path
) -> None:
    """By its file."""
    key = make_key(tmp_path / "another")

    said = complaint(tmp_path, sshd.url(author.path), None, key, sshd.known_hosts)

    assert said.startswith(f"127.0.0.1:{sshd.port} refuses {key}; register the public half there")


def test_a_key_that_ssh_cannot_use_is_told(sshd: SshHost, author: PromptRepository, tmp_path: Path) -> None:
    """The file is readable, but no key."""
    key = tmp_path / "key"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n")
    key.chmod(0o600)

    said = complaint(tmp_path, sshd.url(author.path), None, key, sshd.known_hosts)

    assert said.startswith(f"ssh cannot use the key {key}; name a private key without a passphrase")
    assert "hunter2" not in said


def test_a_key_that_others_may_read_is_told(tmp_path: Path) -> None:
    """Ssh would ignore it, and say so in ten lines."""
    key = make_key(tmp_path / "key")
    key.chmod(0o644)

    said = complaint(tmp_path, "git@example.org:prompts.git", None, key)

    assert said == f"ssh uses no key that others may read; run `chmod 600 {key}`"


@pytest.mark.parametrize("setting", ["PROMPTSTAGE_GIT_SSH_KEY", "PROMPTSTAGE_GIT_KNOWN_HOSTS"])
def test_missing_files_of_ssh_are_told(tmp_path: Path, setting: str) -> None:
    """Each by its setting."""
    missing = tmp_path / "missing"
    files = (None, missing) if setting.endswith("KEY") else (None, None, missing)

    said = complaint(tmp_path, "git@example.org:prompts.git", *files)

    assert said.startswith(f"{setting} names {missing}, which cannot be read (No such file or directory)")


# The machine


def test_the_machine_has_no_say_over_http(
    host: HttpHost, token_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a home's configuration, netrc and helpers, nor git's variables."""
    ran = tmp_path / "ran"
    stranger = tmp_path / "stranger"
    stranger.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    stranger.chmod(0o700)
    (tmp_path / ".gitconfig").write_text(
        f"[credential]\n\thelper = '{stranger}'\n[url \"/elsewhere\"]\n\tinsteadOf = {host.url}\n"
        f"[core]\n\tgitProxy = '{stranger}'\n\taskPass = '{stranger}'\n"
    )
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND", "GIT_EXEC_PATH", "GIT_TRACE_CURL"):
        monkeypatch.setenv(name, str(stranger))

    sync(tmp_path, f"{host.url}/author", token_file)

    assert set(host.seen) == {"", host.password}
    assert not ran.exists()
    assert "touch" in stranger.read_text()


def test_a_proxy_of_the_machine_is_used(
    host: HttpHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is how a company's machines get out: the one thing that is taken from the environment."""
    host.password = ""
    monkeypatch.setenv("http_proxy", host.url)

    mirror = sync(tmp_path, "http://prompts.invalid/author")

    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_the_machine_has_no_say_over_ssh(
    sshd: SshHost, author: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's variables name no other ssh."""
    for name in ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"):
        monkeypatch.setenv(name, "/bin/false")

    mirror = sync(tmp_path, sshd.url(author.path), None, sshd.key, sshd.known_hosts)

    assert list(mirror.tags()) == ["a/v1.0.0"]


def test_ssh_reads_nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would find one by the user's entry in the system, whatever HOME says; so it is told not to."""
    fake = tmp_path / "bin/ssh"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{tmp_path}/arguments'\n")
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")

    complaint(tmp_path, "git@example.org:prompts.git")

    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments[:2] == ["-F", "/dev/null"]
    assert {"-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no"} <= set(arguments)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository to another user")
def test_a_repository_of_another_user(author: PromptRepository, mirror: Mirror) -> None:
    """Git's own caution is for those who work in it; we only fetch, and run nothing of it."""
    author.tag("a", "1.0.0")
    for path in (author.path, *author.path.rglob("*")):
        os.chown(path, 65534, 65534)

    mirror.sync()

    assert list(mirror.tags()) == ["a/v1.0.0"]
