"""The address of a remote repository, and the credentials that open it.

A secret stays in its file. Git gets the file's path, and a helper that reads it when the repository's
own host asks; so it is in no address, argument, environment, log or report, and may be renewed any time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from registry.errors import GitFailed
from registry.system.text import escape

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_SECONDS = 15  # for ssh to reach a host; http has the deadline of its command
ALIVE_SECONDS = 5  # between ssh's questions whether the host is there; after three in vain it ends by itself

_LOCAL = "file"
_ADDRESS = re.compile(  # the second kind is scp's: git@host:path
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/]*@)?(?P<host>[^/]*)"
    r"|(?:[^/@]*@)?(?P<scp>\[[^]/]*\]|[^/:]+):"
)
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
# A file holds a token, or user:token. Any user's name will do for most hosts; these are what theirs advise.
_USERS = {"bitbucket.org": "x-token-auth"}
_USER = "x-access-token"
_HELPER = (
    '!f() {{ test "$1" = get || return 0; line=$(head -n 1 {file} | tr -d "\\r"); '
    "case $line in *:*) ;; *) line={user}:$line ;; esac; "
    'printf "username=%s\\npassword=%s\\n" "${{line%%:*}}" "${{line#*:}}"; }}; f'
)
_READABLE_BY_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files that open a private repository.

    Attributes:
        token_file: over https: a token, or ``user:token``.
        ssh_key: over ssh: a private key without a passphrase; None: the keys of the service's user.
        known_hosts: over ssh: the keys of the host; None: those that the service's user knows.
    """

    token_file: Path | None = None
    ssh_key: Path | None = None
    known_hosts: Path | None = None


class Remote:
    """The prompt repository.

    Attributes:
        address: what git is told; empty if there is none.
        scheme: ``file`` for a path, ``ssh`` for scp's way to write an address.
        host: with the port, if the address names one; empty for a path.
        local: whether it is on this machine, so that looking costs next to nothing.
        token_file, ssh_key, known_hosts: its credentials, as far as the scheme uses them.
    """

    def __init__(self, repository: str, credentials: Credentials) -> None:
        """Touch nothing yet."""
        found = _ADDRESS.match(repository)
        self.address = repository if found or not repository else os.path.abspath(repository)  # noqa: PTH100 - no symlinks
        self.scheme = _LOCAL if not found else "ssh" if found["scp"] else found["scheme"].lower()
        self.host = (found["scp"] or found["host"]) if found else ""
        self.local = self.scheme == _LOCAL
        self.token_file = _absolute(credentials.token_file) if self.scheme in {"https", "http"} else None
        self.ssh_key = _absolute(credentials.ssh_key) if self.scheme == "ssh" else None
        self.known_hosts = _absolute(credentials.known_hosts) if self.scheme == "ssh" else None

    @property
    def shown(self) -> str:
        """The address, fit for a message."""
        return escape(self.address.encode())

    def config(self) -> tuple[str, ...]:
        """Git's settings for it, as ``key=value``; what is secret is named by its path alone."""
        settings = [f"remote.origin.url={self.address}", f"core.sshCommand={self._ssh()}"]
        if self.token_file:
            user = _USERS.get(self.host.lower(), _USER)
            helper = _HELPER.format(file=quote(str(self.token_file)), user=user)
            # A helper of this host alone: wherever a redirect leads, the token does not follow.
            settings.append(f"credential.{self.scheme}://{self.host}.helper={helper}")
        return tuple(settings)

    def _ssh(self) -> str:
        """The command: nothing of anybody's configuration, no question, no host that is not known."""
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ServerAliveInterval": str(ALIVE_SECONDS),
        }
        if self.ssh_key:
            options |= {"IdentityFile": _ssh_path(self.ssh_key), "IdentitiesOnly": "yes"}
        if self.known_hosts:
            options |= {
                "UserKnownHostsFile": _ssh_path(self.known_hosts),
                "GlobalKnownHostsFile": os.devnull,
            }
        return "ssh -F /dev/null " + " ".join(quote(f"-o{key}={value}") for key, value in options.items())

    def check(self) -> None:
        """Find what git would say in its own way, or not at all. Raises GitFailed (`git_credentials`)."""
        if self.token_file:
            if self.scheme == "http" and not _LOOPBACK.fullmatch(self.host):
                raise refusal(f"the token would be sent unencrypted; write {self.shown} with https://")
            if not _read(self.token_file, "PROMPTSTAGE_GIT_TOKEN_FILE").partition(b"\n")[0].strip():
                raise refusal(f"{self.token_file} is empty; write a token into its first line")
        if self.ssh_key:
            _read(self.ssh_key, "PROMPTSTAGE_GIT_SSH_KEY")
            _check_mode(self.ssh_key)
        if self.known_hosts:
            _read(self.known_hosts, "PROMPTSTAGE_GIT_KNOWN_HOSTS")


def refusal(sentence: str) -> GitFailed:
    """Say why the repository stays shut, and what to do."""
    return GitFailed(sentence, code="git_credentials")


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None


def _ssh_path(path: Path) -> str:
    """A path as ssh reads one in an option: quoted, with nothing in it that it would replace."""
    escaped = str(path).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return f'"{escaped}"'


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refusal(
            f"{setting} names {path}, which cannot be read ({error.strerror}); correct one of them"
        ) from error


def _check_mode(key: Path) -> None:
    """Ssh uses no key of ours that others may read; one that another user owns it takes as it is."""
    status = key.stat()
    if status.st_uid == os.getuid() and status.st_mode & _READABLE_BY_OTHERS:
        raise refusal(f"ssh uses no key that others may read; run `chmod 600 {quote(str(key))}`")
