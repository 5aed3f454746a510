"""Choose the registry to ask, and the token to ask it with.

The URL is that of --url, else PROMPTSTAGE_URL, else of the latest login, else a registry on this machine.
The token is PROMPTSTAGE_TOKEN, else that of a login to the very URL, else the one that a registry on this
machine wrote into its data folder. A token of a login goes to no other URL, and that of a data folder to this
machine alone, unless PROMPTSTAGE_DATA names the folder.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from registry.cli import hints, profiles
from registry.cli.output import PATH_SHOWN
from registry.errors import Invalid
from registry.system import proxies
from registry.system.text import fits_header
from registry.wording.text import clean

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT = "the default; PROMPTSTAGE_URL is not set, and there is no login"
DEFAULT_DATA = ".data"
TOKEN_FILE = "admin.token"  # noqa: S105 - a file's name
PORTS = {"http": 80, "https": 443}

_chosen: ContextVar[str] = ContextVar("url", default="")  # what --url says


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, empty if none was found.

    Attributes:
        origin: a sentence that says where it was looked for.
    """

    token: str
    origin: str


@dataclass(frozen=True, slots=True)
class Target:
    """A registry to be asked.

    Attributes:
        origin: a phrase that says where the URL is from.
        remedy: what to do where nothing answers there.
    """

    url: str
    origin: str
    remedy: str
    credential: Credential


def choose(url: str) -> None:
    """Let the option --url decide, for this command; empty: it was not given."""
    _chosen.set(url)


def find() -> Target:
    """Find out which registry to ask. Raises Invalid."""
    url, origin = _url()
    return Target(url, origin, _remedy(origin), _credential(url))


def _url() -> tuple[str, str]:
    if flag := _chosen.get():
        return normal(flag, "--url"), "from --url"
    if given := os.environ.get("PROMPTSTAGE_URL"):
        return normal(given, "PROMPTSTAGE_URL"), "from PROMPTSTAGE_URL"
    if current := profiles.load().current:
        return current, f"of the login in {clean(profiles.path(), PATH_SHOWN)}"
    return DEFAULT_URL, DEFAULT


def _remedy(origin: str) -> str:
    if origin == DEFAULT:
        return (
            f"Start one:  promptstage serve --repository {hints.repository()}\n"
            f"or say where it is:  promptstage login URL, or export PROMPTSTAGE_URL={DEFAULT_URL}"
        )
    what = next((name for name in ("--url", "PROMPTSTAGE_URL") if origin.endswith(name)), "the login")
    return f"See whether it runs, and whether {what} is right; apps go on with what they hold"


def normal(text: str, name: str) -> str:
    """Write a registry's URL in one way, so that two that are the same are equal. Raises Invalid."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise Invalid(f"{name} is no URL; write it like {DEFAULT_URL}") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise Invalid(f"{name} is {clean(text)}; write it like {DEFAULT_URL}")
    if parts.username is not None or parts.query or parts.fragment:
        raise Invalid(f"{name} holds more than a place; write it like {DEFAULT_URL}, and the token elsewhere")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in {None, PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown}{parts.path.rstrip('/')}"


def checked(text: str, origin: str) -> Credential:
    """Refuse what cannot be sent in a header. Raises Invalid."""
    token = text.strip()
    if not fits_header(token):
        raise Invalid(f"{origin}; it holds characters that no token has")
    return Credential(token, origin)


def _credential(url: str) -> Credential:
    if given := os.environ.get("PROMPTSTAGE_TOKEN"):
        return checked(given, "The token is that of PROMPTSTAGE_TOKEN")
    if kept := profiles.load().tokens.get(url):
        return checked(kept, f"The token is that of the login; for another: promptstage login {url}")
    return _local(url)


def _local(url: str) -> Credential:
    """The token that a registry on this machine wrote."""
    named = os.environ.get("PROMPTSTAGE_DATA")
    file = Path(named or DEFAULT_DATA, TOKEN_FILE).absolute()
    shown = clean(file, PATH_SHOWN)
    if not (named or proxies.is_here(url)):
        return Credential("", f"PROMPTSTAGE_TOKEN is not set; set it, or log in: promptstage login {url}")
    try:
        return checked(file.read_text(encoding="utf-8", errors="replace"), f"The token is that in {shown}")
    except OSError as error:
        looked = f"PROMPTSTAGE_TOKEN is not set, and {shown} cannot be read ({error.strerror})"
        helps = f"set it, log in (promptstage login {url}), or name the registry's data folder"
        return Credential("", f"{looked}; {helps} in PROMPTSTAGE_DATA")
