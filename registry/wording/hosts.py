"""Where the host of a git repository shows a commit to people."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

_URL = re.compile(
    r"(?P<scheme>https?|ssh|git)://(?:[^/@]*@)?(?P<host>[^/:]+|\[[^]]+\])(?P<port>:\d+)?/(?P<path>.+)"
)
_SCP = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:]+):(?P<path>[^/].*)")  # git@host:path
_ASIDE = {  # hosts that take ssh where port 22 is closed, and what their pages are at
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
# By a word of the host's name: the path of a commit's page. A host that is called otherwise is not guessed.
_PAGES = {
    "github": "commit",
    "gitlab": "-/commit",
    "gitea": "commit",
    "forgejo": "commit",
    "codeberg": "commit",
    "bitbucket.org": "commits",  # the servers that are run by oneself have other addresses
}


class _Place(NamedTuple):
    scheme: str
    host: str
    port: str
    path: str


def commit_page(repository: str | None, commit: str) -> str | None:
    """Return the address of a commit's page; None: the repository is a folder, or its host is not known.

    Args:
        repository: the address that git takes, such as ``git@github.com:acme/prompts.git``.
        commit: its object id.
    """
    place = _place(repository or "")
    page = place and next((path for word, path in _PAGES.items() if _is_called(place.host, word)), None)
    if place is None or page is None:
        return None
    path = quote(place.path.removesuffix("/").removesuffix(".git"))
    return f"{place.scheme}://{place.host}{place.port}/{path}/{page}/{quote(commit, safe='')}"


def _place(repository: str) -> _Place | None:
    """Return where the pages of a repository are; the port of ssh is not theirs."""
    if found := _URL.fullmatch(repository):
        is_web = found["scheme"].startswith("http")
        host = found["host"].lower()
        scheme, port = (found["scheme"], found["port"] or "") if is_web else ("https", "")
        return _Place(scheme, _ASIDE.get(host, host), port, found["path"])
    if found := _SCP.fullmatch(repository):
        host = found["host"].lower()
        return _Place("https", _ASIDE.get(host, host), "", found["path"])
    return None


def _is_called(host: str, word: str) -> bool:
    """Return whether a word, or two, are labels of a host's name: ``gitlab`` of ``gitlab.acme.example``."""
    return f".{word}." in f".{host}."
