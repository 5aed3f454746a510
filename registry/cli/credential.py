"""Which registry the command line asks, and with which token: what it reads of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from registry.cli.output import clean
from registry.errors import Invalid

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_DATA = ".data"
PATH_SHOWN = 1000  # characters of a path; a shortened one is of no use
TOKEN_FILE = "admin.token"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, empty if none was found.

    Attributes:
        origin: a sentence that says where it was looked for.
    """

    token: str
    origin: str


def url() -> str:
    """Where the registry is. Raises Invalid."""
    given = os.environ.get("PROMPTSTAGE_URL") or DEFAULT_URL
    if not given.startswith(("http://", "https://")):
        raise Invalid(f"PROMPTSTAGE_URL is {clean(given)}; write it like {DEFAULT_URL}")
    return given.rstrip("/")


def url_origin() -> str:
    """A phrase that says where `url` has it from."""
    return (
        "from PROMPTSTAGE_URL"
        if os.environ.get("PROMPTSTAGE_URL")
        else "the default; PROMPTSTAGE_URL is not set"
    )


def url_remedy() -> str:
    """What to do where nobody answers at `url`."""
    if os.environ.get("PROMPTSTAGE_URL"):
        return "See whether it runs, and whether PROMPTSTAGE_URL is right; apps go on with what they hold"
    return (
        "Start one:  promptstage serve --repository ./prompts\n"
        f"or say where it is:  export PROMPTSTAGE_URL={DEFAULT_URL}"
    )


def find() -> Credential:
    """The token of PROMPTSTAGE_TOKEN, else the one that a registry on this machine wrote. Raises Invalid."""
    if given := os.environ.get("PROMPTSTAGE_TOKEN"):
        return _checked(given, "The token is that of PROMPTSTAGE_TOKEN")
    file = Path(os.environ.get("PROMPTSTAGE_DATA") or DEFAULT_DATA, TOKEN_FILE).absolute()
    shown = clean(file, PATH_SHOWN)
    try:
        return _checked(file.read_text(encoding="utf-8", errors="replace"), f"The token is that in {shown}")
    except OSError as error:
        looked = f"PROMPTSTAGE_TOKEN is not set, and {shown} cannot be read ({error.strerror})"
        return Credential("", f"{looked}; set it, or name the registry's data folder in PROMPTSTAGE_DATA")


def _checked(text: str, origin: str) -> Credential:
    """Refuse what cannot be sent in a header."""
    token = text.strip()
    if not (token.isascii() and token.isprintable()):
        raise Invalid(f"{origin}; it holds characters that no token has")
    return Credential(token, origin)
