"""Find where this Promptstage was installed from, for the workflows that install it elsewhere.

Neither distribution is on a package index so far; a name that is not taken there may be anyone's tomorrow.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from registry.cli.author import worktree

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DISTRIBUTION = "promptstage-registry"
CLIENT = "promptstage"
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
    noted = _noted(DISTRIBUTION)
    if not noted:
        return Source(_command(_pinned(DISTRIBUTION)), is_reachable=True)
    if "archive_info" in noted:
        return _from_archives(*(_archive(name) for name in (CLIENT, DISTRIBUTION)))
    if "vcs_info" in noted:
        return _from_git(noted["url"], noted["vcs_info"].get("requested_revision"))
    folder = Path(unquote(urlsplit(noted["url"]).path))
    origin = (
        next(iter(worktree.urls(folder, "origin")), "") if "dir_info" in noted and folder.is_dir() else ""
    )
    return _from_git(origin) if _REMOTE.match(_as_url(origin)) else _from_folder(folder)


def _distribution(name: str) -> Distribution:
    from importlib.metadata import distribution  # noqa: PLC0415 - slow to import, and seldom needed

    return distribution(name)


def _noted(name: str) -> dict[str, Any]:
    """Read pip's note of a distribution's address; it has none for one from a package index."""
    noted: dict[str, Any] = json.loads(_distribution(name).read_text("direct_url.json") or "{}")
    return noted


def _pinned(name: str) -> str:
    return f"{name}=={_distribution(name).version}"


def _archive(name: str) -> str:
    """Return the path or URL of a wheel or a source archive; of one from a package index, its version."""
    url = _noted(name).get("url")
    if not url:
        return _pinned(name)
    return unquote(urlsplit(url).path) if url.startswith("file:") else _as_url(url)


def _from_archives(*places: str) -> Source:
    return Source(_command(*places), is_reachable=not any(place.startswith("/") for place in places))


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
