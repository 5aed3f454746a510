"""The prompt repository's address and credentials.

A secret stays in its file. Git gets the file's path, and a helper that reads it when the repository's own
host asks; so it is in no address, argument, environment, log or report, and may be replaced at any time.
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
ALIVE_SECONDS = 5  # between ssh's keep-alive messages; after three without an answer it ends by itself

_LOCAL = "file"
_ADDRESS = re.compile(  # the second kind is scp's: git@host:path
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/]*@)?(?P<host>[^/]*)"
    r"|(?:[^/@]*@)?(?P<scp>\[[^]/]*\]|[^/:]+):"
)
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
# A file holds a token, or user:token. Most hosts accept any user name; these are the ones they advise.
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
    """The files with the credentials of a private repository.

    Attributes:
        token_file: over https: a token, or ``user:token``.
        ssh_key: over ssh: a private key without a passphrase; None: the keys of the service's user.
        known_hosts: over ssh: the host's keys; None: those of the service's user.
    """

    token_file: Path | None = None
    ssh_key: Path | None = None
    known_hosts: Path | None = None


class Remote:
    """The prompt repository.

    Attributes:
        address: as git takes it; empty if there is none.
        scheme: ``file`` for a path, ``ssh`` also for an address in scp's form.
        host: with the port, if the address names one; empty for a path.
        local: whether it is on this machine, so that a sync costs next to nothing.
        token_file, ssh_key, known_hosts: the credentials that the scheme uses.
    """

    def __init__(self, repository: str, credentials: Credentials) -> None:
        """Parse the address; nothing is read yet."""
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
        """The address, safe to show."""
        return escape(self.address.encode())

    def config(self) -> tuple[str, ...]:
        """Git's settings for it, as ``key=value``; secrets only by the path of their file."""
        settings = [f"remote.origin.url={self.address}", f"core.sshCommand={self._ssh()}"]
        if self.token_file:
            user = _USERS.get(self.host.lower(), _USER)
            helper = _HELPER.format(file=quote(str(self.token_file)), user=user)
            # A helper for this host alone: the token does not follow a redirect.
            settings.append(f"credential.{self.scheme}://{self.host}.helper={helper}")
        return tuple(settings)

    def _ssh(self) -> str:
        """Return the command: without user configuration, prompts, or unknown hosts."""
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
        """Find the errors that git explains badly or not at all. Raises GitFailed (`git_credentials`)."""
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
    """Build the error of unusable credentials, with its remedy."""
    return GitFailed(sentence, code="git_credentials")


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None


def _ssh_path(path: Path) -> str:
    """Quote a path for an ssh option, with nothing in it that ssh would expand."""
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
    """Refuse a key of our own that others may read, as ssh does; ssh accepts one that another user owns."""
    status = key.stat()
    if status.st_uid == os.getuid() and status.st_mode & _READABLE_BY_OTHERS:
        raise refusal(f"ssh uses no key that others may read; run `chmod 600 {quote(str(key))}`")
