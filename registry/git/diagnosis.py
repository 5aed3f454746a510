"""Explain why the prompt repository cannot be reached: one sentence from git's and ssh's messages. Pure."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

from registry.errors import GitFailed
from registry.git import repository
from registry.git.remote import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.git.remote import Remote

# Messages of a lost connection, an unreachable host or a full disk, whatever was requested.
_OUT_OF_REACH = re.compile(
    "unable to access|Could not read from remote repository|Authentication failed|could not read Username"
    "|RPC failed|early EOF|unexpected disconnect|hung up|transfer closed|Broken pipe"
    "|[Cc]onnection (reset|refused|timed out|closed)|[Oo]peration (timed out|too slow)"
    "|No space left on device|Disk quota exceeded|Input/output error|Read-only file system"
)
# Messages of a bad object: it ends the connection too, but would do so again for this object.
_BAD_OBJECT = re.compile(
    "repository corruption|not our ref|bad object|missing (blob|tree|commit|tag)|fsck error"
    "|pack (has|is|signature|version)|inflate|delta|COLLISION"
)
_TOO_MUCH = frozenset(("git_no_memory", "git_no_room", "git_too_much"))
_PORT = re.compile(r"(?P<name>.*?)(:(?P<port>\d+))?")


def explain(upstream: Remote, error: GitFailed) -> GitFailed:
    """Return the same failure with its remedy, if one is known."""
    if reason := repository.explained(error.words):
        return GitFailed(f"{upstream.shown} cannot be used: {reason}", code="git_unsupported")
    found = (remedy for words, remedy in _REMEDIES if re.search(words, error.words))
    remedy = None if upstream.local else next(found, None)
    return refusal(remedy(upstream)) if remedy else error


def out_of_reach(error: GitFailed) -> bool:
    """Return whether the repository was unreachable or a disk full, whatever was requested."""
    return bool(_OUT_OF_REACH.search(error.words)) and not _BAD_OBJECT.search(error.words)


def is_blameless(error: GitFailed) -> bool:
    """Return whether no tag is to blame: unreachable repository, or git was killed or gave no reason."""
    if error.code in _TOO_MUCH:
        return False
    return not error.words or error.code == "git_killed" or out_of_reach(error)


def _shut(upstream: Remote) -> str:
    if upstream.token_file:
        return (
            f"{upstream.host} refuses the token in {upstream.token_file}; write one there that may read "
            f"{upstream.shown}, or user:token if that host wants a certain user"
        )
    return (
        f"{upstream.shown} is private or does not exist; write a token that may read it into a file, "
        "and name that in PROMPTSTAGE_GIT_TOKEN_FILE"
    )


def _absent(upstream: Remote) -> str:
    what = "key" if upstream.scheme == "ssh" else "token"
    return (
        f"{upstream.host} shows no repository at {upstream.shown}; check this address, and what the {what} "
        "may read"
    )


def _bad_certificate(upstream: Remote) -> str:
    return (
        f"the certificate of {upstream.host} is not one that this machine trusts; if a company's authority "
        "signed it, add that one to the machine's certificates (update-ca-certificates)"
    )


def _shut_ssh(upstream: Remote) -> str:
    key = upstream.ssh_key or "the ssh keys of this user"
    return (
        f"{upstream.host} refuses {key}; register the public half there as one that may read "
        f"{upstream.shown}, or name another one without a passphrase in PROMPTSTAGE_GIT_SSH_KEY"
    )


def _bad_key(upstream: Remote) -> str:
    return (
        f"ssh cannot use the key {upstream.ssh_key}; name a private key without a passphrase in "
        "PROMPTSTAGE_GIT_SSH_KEY"
    )


def _unknown_host(upstream: Remote) -> str:
    file = upstream.known_hosts or "the known_hosts of this user"
    return f"the host key of {upstream.host} is not in {file}; {_learn(upstream)}"


def _changed_host(upstream: Remote) -> str:
    return (
        f"{upstream.host} shows another host key than before, so somebody may be in between; ask those who "
        f"run it, and only if they changed it: {_learn(upstream, '>')}"
    )


def _learn(upstream: Remote, into: str = ">>") -> str:
    """Return how to record a host's key."""
    found = _PORT.fullmatch(upstream.host)
    name, port = found.group("name", "port") if found else (upstream.host, None)
    file = quote(str(upstream.known_hosts or "known_hosts"))
    return (
        f"run `ssh-keyscan {f'-p {port} ' if port else ''}{name.strip('[]')} {into} {file}`, compare "
        f"`ssh-keygen -lf {file}` with what the host publishes, "
        "and name that file in PROMPTSTAGE_GIT_KNOWN_HOSTS"
    )


_REMEDIES: tuple[tuple[str, Callable[[Remote], str]], ...] = (  # the first match counts
    ("IDENTIFICATION HAS CHANGED", _changed_host),
    ("Host key verification failed", _unknown_host),
    ("Load key .*(invalid format|error in libcrypto|passphrase)", _bad_key),
    (r"Permission denied \(", _shut_ssh),
    ("Authentication failed|could not read (Username|Password)|returned error: 40[13]", _shut),
    ("[Rr]epository .*not found|could not be found|no longer exists|returned error: 404", _absent),
    ("certificate", _bad_certificate),
)
