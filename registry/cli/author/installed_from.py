"""Where this Promptstage was installed from, for the workflows that install it elsewhere.

Neither distribution is on a package index so far; a name that is not taken there may be anyone's tomorrow.
"""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from registry.cli.author import worktree

DISTRIBUTION = "promptstage-registry"
_SCP_LIKE = re.compile(
    r"(?P<host>[\w.-]+@[\w.-]+):(?P<path>(?!/)[^\s]+)"
)  # git@example.org:acme/promptstage.git
_REMOTE = re.compile(r"(?:https?|ssh|git)://")


class Source(NamedTuple):
    """The command that installs both distributions, and whether other machines can run it."""

    command: str
    is_reachable: bool


def find() -> Source:
    """Read what pip noted at the installation (PEP 610); a checkout is known by where it was cloned from."""
    own = distribution(DISTRIBUTION)
    noted = json.loads(own.read_text("direct_url.json") or "{}")
    if not noted:
        return Source(f"pip install {DISTRIBUTION}=={own.version}", is_reachable=True)
    if "vcs_info" in noted:
        return _from_git(noted["url"], noted["vcs_info"].get("requested_revision"))
    folder = Path(unquote(urlsplit(noted["url"]).path))
    origin = (
        next(iter(worktree.urls(folder, "origin")), "") if "dir_info" in noted and folder.is_dir() else ""
    )
    return _from_git(origin) if _REMOTE.match(_as_url(origin)) else _from_folder(folder)


def _from_git(address: str, revision: str | None = None) -> Source:
    url = f"git+{_as_url(address)}" + (f"@{revision}" if revision else "")
    return Source(
        _command(f"{url}#subdirectory=client", url), is_reachable=bool(_REMOTE.match(_as_url(address)))
    )


def _from_folder(folder: Path) -> Source:
    return Source(_command(str(folder / "client"), str(folder)), is_reachable=False)


def _command(*requirements: str) -> str:
    return " ".join(["pip install", *map(shlex.quote, requirements)])


def _as_url(address: str) -> str:
    """The address as pip takes it, without a password: ssh in its short form is no URL."""
    if short := _SCP_LIKE.fullmatch(address):
        return f"ssh://{short['host']}/{short['path']}"
    return re.sub(r"(?<=^https://)[^/]*@", "", address)
